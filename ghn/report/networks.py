"""Pictures of architectures, and of two side by side that an estimate puts in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from ghn.analysis.bias import Bias, Judged, WrongPair
from ghn.graph.diagram import SUM, Diagram, graph_diagram
from ghn.report.layout import Layout, layered
from ghn.report.style import BLACK, GREY, panels, shorten
from ghn.report.words import quantity
from ghn.spaces.members import live_graph
from ghn.types import Drawn, Space, member_of

_HALF, _LAYER, _SIZE = 2.0, 0.33, 7.5  # half the width and a layer, in inches, and letters, in points
_ABOVE, _BELOW = 0.28, 0.62  # inches of text


def diagrams(space: Space[Any], arch: Any) -> Sequence[Diagram]:
    """What is drawn of an architecture: what its space says, else the live part of its graph.

    Args:
        space: of the architecture.
        arch: a member, or its official string.

    Raises:
        ArchitectureError: not a member of the space.
    """
    if isinstance(space, Drawn):
        return space.diagrams(member_of(space, arch))
    return [graph_diagram(live_graph(space, arch))]


def draw(axes: Axes, diagram: Diagram, layout: Layout, size: float, layers: int) -> None:
    """Draws a diagram from top to bottom: operations in boxes, sums in circles, input and output without a frame.

    Args:
        axes: that are as wide as half a picture, and `_LAYER` inches a layer high.
        diagram: what to draw.
        layout: its places, in characters.
        size: of the letters, in points.
        layers: that the axes have room for, the title's among them.
    """
    half = _HALF / 2 / _character(size)
    middle = (layout.left + layout.right) / 2
    axes.set_xlim(middle - half, middle + half)
    above = 1 if diagram.title else 0
    axes.set_ylim(layers - above - 0.5, -above - 0.5)
    axes.text(middle, -0.75, diagram.title, fontsize=size, style="italic", ha="center", va="center")
    for i, ((x, y), label) in enumerate(zip(layout.nodes, diagram.labels, strict=True)):
        frame = _frame(label, end=i in diagram.ends)
        axes.text(x, y, label, fontsize=size, color=BLACK, ha="center", va="center", zorder=3, bbox=frame)
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 5, "linewidth": 0.8, "color": GREY, "zorder": 1}
    for points in layout.edges:
        axes.add_patch(FancyArrowPatch(path=_curve(points), **arrow))
    if not diagram.edges:
        axes.text(middle, 0.5, "cut off", fontsize=size, ha="center", va="center")


def pair_figure(bias: Bias, pair: WrongPair, space: Space[Any]) -> Figure:
    """Two networks side by side that a row puts in the wrong order, with their places below.

    Args:
        bias: the analysis.
        pair: one of its `wrong_pairs`.
        space: of the networks, whose ids must be official strings.

    Raises:
        ArchitectureError: an id is no member of the space.
    """
    sides = [(pair.better, "better"), (pair.worse, "worse")]
    drawn = [diagrams(space, judged.id) for judged, _ in sides]
    laid = [[layered([_width(label) for label in one.labels], one.edges) for one in own] for own in drawn]
    widest = max(layout.right - layout.left for own in laid for layout in own)
    size = min(_SIZE, _SIZE * (_HALF - 0.08) / (widest * _character(_SIZE)))
    titled = bool(drawn[0][0].title)
    layers = [titled + max(layout.layers for layout in both) for both in zip(*laid, strict=True)]
    heights = [many * _LAYER for many in layers]
    figure, axes = panels(2 * _HALF, heights, 2, above=_ABOVE, below=_BELOW)
    words: dict[str, Any] = {"ha": "center", "va": "top"}
    for column, (judged, word) in enumerate(sides):
        x, height = 0.25 + 0.5 * column, sum(heights) + _ABOVE + _BELOW
        figure.text(x, 1 - 0.06 / height, f"really {word}", fontsize=9, weight="bold", **words)
        figure.text(x, _BELOW / height, _known_places(bias, pair.row, judged), fontsize=8, linespacing=1.3, **words)
        for row, diagram in enumerate(drawn[column]):
            draw(axes[row][column], diagram, laid[column][row], size, layers[row])
    return figure


def _known_places(bias: Bias, row: str, judged: Judged) -> str:
    return (
        f"measured {quantity(judged.reference)}\n"
        f"place {judged.reference_rank:g} of {bias.n}\n"
        f"{shorten(row, 16)}: place {judged.estimate_rank:g}"
    )


def _frame(label: str, *, end: bool) -> dict[str, Any]:
    if label == SUM:
        return {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": BLACK, "linewidth": 0.8}
    edge = "white" if end else BLACK
    return {"boxstyle": "round,pad=0.22", "facecolor": "white", "edgecolor": edge, "linewidth": 0.8}


def _character(size: float) -> float:
    """Inches that a character takes, on the safe side."""
    return 0.62 * size / 72


def _width(label: str) -> float:
    """Characters that a node takes with its frame and a gap."""
    return 3.0 if label == SUM else len(label) + 2.0


def _curve(points: tuple[tuple[float, float], ...]) -> Path:
    """Through all points, each met vertically, from below the first label to above the last."""
    (x0, y0), *between, (x1, y1) = points
    points = ((x0, y0 + 0.25), *between, (x1, y1 - 0.27))
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [Path.CURVE4] * 3
    return Path(vertices, codes)
