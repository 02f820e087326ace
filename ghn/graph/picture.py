"""A network as a picture: what a notebook shows of a graph, and what reports draw."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from ghn.drawing.style import BLACK, GREY, panels, shorten, to_bytes
from ghn.graph.diagram import SUM, Diagram, graph_diagram
from ghn.graph.layout import MOST, Layout, lay_out

if TYPE_CHECKING:  # graphs show themselves with this
    from ghn.graph.ir import Graph

LAYER, LETTERS = 0.33, 7.5  # inches of a layer, and points of a letter
_MARGIN = 0.1  # inches on each side


def diagram_figure(diagram: Diagram) -> Figure:
    """A diagram as wide and as high as it needs."""
    layout = lay_out(diagram)
    width, layers = _inches(diagram, layout)
    figure, axes = panels(width, [layers * LAYER], 1)
    draw(axes[0][0], diagram, layout, width, LETTERS, layers)
    return figure


def draw_diagram(axes: Axes, diagram: Diagram) -> None:
    """Draws a diagram into axes of any size, which lose their frame; letters are as large as they can be."""
    layout = lay_out(diagram)
    width, layers = _inches(diagram, layout)
    box = axes.get_window_extent().transformed(axes.figure.dpi_scale_trans.inverted())
    size = LETTERS * min(box.width / width, box.height / (layers * LAYER), 1.6)
    axes.axis("off")
    draw(axes, diagram, layout, box.width, size, layers)


def diagram_size(diagram: Diagram) -> tuple[float, float]:
    """Inches of width and height that a diagram needs."""
    width, layers = _inches(diagram, lay_out(diagram))
    return width, layers * LAYER


def graph_svg(graph: Graph) -> bytes | None:
    """The picture of a graph as SVG; None where it has more than `MOST` labels."""
    diagram = graph_diagram(graph)
    return None if len(diagram.labels) > MOST else to_bytes(diagram_figure(diagram), "svg")


def draw(axes: Axes, diagram: Diagram, layout: Layout, width: float, size: float, layers: int) -> None:
    """Draws a diagram from top to bottom: operations in boxes, sums in circles, input and output without a frame.

    The axes are `width` inches wide and have room for `layers` of `LAYER` inches, the title's among them; the layout is
    in characters, the size of letters in points.
    """
    half = width / 2 / character(size)
    middle = (layout.left + layout.right) / 2
    axes.set_xlim(middle - half, middle + half)
    above = 1 if diagram.title else 0
    axes.set_ylim(layers - above - 0.5, -above - 0.5)
    axes.text(middle, -0.75, shorten(diagram.title), fontsize=size, style="italic", ha="center", va="center")
    for i, ((x, y), label) in enumerate(zip(layout.nodes, diagram.labels, strict=True)):
        frame = _frame(label, end=i in diagram.ends)
        axes.text(x, y, shorten(label, 80), fontsize=size, color=BLACK, ha="center", va="center", zorder=3, bbox=frame)
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 5, "linewidth": 0.8, "color": GREY, "zorder": 1}
    for points in layout.edges:
        axes.add_patch(FancyArrowPatch(path=_curve(points), **arrow))
    if not diagram.edges:
        axes.text(middle, 0.5, "cut off", fontsize=size, ha="center", va="center")


def _inches(diagram: Diagram, layout: Layout) -> tuple[float, int]:
    """The width in inches, and the layers, that of the title among them."""
    width = max(layout.right - layout.left, len(diagram.title)) * character(LETTERS) + 2 * _MARGIN
    return max(width, 1.0), layout.layers + bool(diagram.title)


def _frame(label: str, *, end: bool) -> dict[str, Any]:
    if label == SUM:
        return {"boxstyle": "circle,pad=0.12", "facecolor": "white", "edgecolor": BLACK, "linewidth": 0.8}
    edge = "white" if end else BLACK
    return {"boxstyle": "round,pad=0.22", "facecolor": "white", "edgecolor": edge, "linewidth": 0.8}


def character(size: float) -> float:
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
