"""Pictures of architectures, laid out on layers, and of two side by side that an estimate puts in the wrong order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from ghn.analysis.bias import Bias, WrongPair
from ghn.graph.diagram import SUM, Diagram
from ghn.graph.layout import Layout, lay_out
from ghn.report.style import BLACK, GREY, panels, shorten
from ghn.report.words import quantity
from ghn.spaces.members import diagrams
from ghn.types import Space

_HALF, _LAYER, _SIZE = 2.0, 0.33, 7.5  # half the width and a layer, in inches, and letters, in points
_ABOVE, _BELOW = 0.28, 0.62  # inches of text


def draw(axes: Axes, diagram: Diagram, layout: Layout, size: float, layers: int) -> None:
    """Draws a diagram from top to bottom: operations in boxes, sums in circles, input and output without a frame.

    The axes are as wide as half a picture and have room for `layers` of `_LAYER` inches, the title's among them; the
    layout is in characters, the size of letters in points.
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

    Raises:
        ArchitectureError: an id is not the official string of a member of the space.
    """
    sides = [(pair.better, "better"), (pair.worse, "worse")]
    drawn = [diagrams(space, judged.id) for judged, _ in sides]
    laid = [[lay_out(one) for one in own] for own in drawn]
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
        measured = f"measured {quantity(judged.reference)}\nplace {judged.reference_rank:g} of {bias.n}"
        place = f"{measured}\n{shorten(pair.row, 16)}: place {judged.estimate_rank:g}"
        figure.text(x, _BELOW / height, place, fontsize=8, linespacing=1.3, **words)
        for row, diagram in enumerate(drawn[column]):
            draw(axes[row][column], diagram, laid[column][row], size, layers[row])
    return figure


def _frame(label: str, *, end: bool) -> dict[str, Any]:
    if label == SUM:
        return {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": BLACK, "linewidth": 0.8}
    edge = "white" if end else BLACK
    return {"boxstyle": "round,pad=0.22", "facecolor": "white", "edgecolor": edge, "linewidth": 0.8}


def _character(size: float) -> float:
    """Inches that a character takes, on the safe side."""
    return 0.62 * size / 72


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
