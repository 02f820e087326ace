"""Pictures of architectures, laid out on layers, and of two side by side that an estimate puts in the wrong order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from ghn.analysis.bias import Bias, WrongPair
from ghn.graph.diagram import SUM, Diagram, graph_diagram
from ghn.report.style import BLACK, GREY, panels, shorten
from ghn.report.words import quantity
from ghn.spaces.members import live_graph
from ghn.types import Drawn, Space, member_of

_HALF, _LAYER, _SIZE = 2.0, 0.33, 7.5  # half the width and a layer, in inches, and letters, in points
_ABOVE, _BELOW = 0.28, 0.62  # inches of text


def diagrams(space: Space[Any], arch: Any) -> Sequence[Diagram]:
    """What is drawn of an architecture, or of its official string: what its space says, else its live graph."""
    if isinstance(space, Drawn):
        return space.diagrams(member_of(space, arch))
    return [graph_diagram(live_graph(space, arch))]


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


Edge = tuple[int, int]
Point = tuple[float, float]
_BEND = 1.6  # what a bend takes of a layer, in the unit of widths
_STIFF = 4.0  # bends are straightened before nodes are centred
_SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of nodes, and the points that each edge passes; y is the layer, from 0 downwards, x in units of width."""

    nodes: tuple[Point, ...]
    edges: tuple[tuple[Point, ...], ...]
    left: float
    right: float
    layers: int


def layered(widths: Sequence[float], edges: Sequence[Edge]) -> Layout:
    """Lays a graph out on layers, input on top, with few crossings and straight edges.

    A node's layer is its longest distance from a source; a node of one input and one output stands directly above what
    reads it. An edge that skips layers has a bend in each. Within a layer, nodes are put in order of the mean place of
    their neighbours above, then below, in turns, and then as close to these as their widths allow.

    Source: Sugiyama, Tagawa & Toda, Methods for visual understanding of hierarchical system structures, IEEE
    Transactions on Systems, Man, and Cybernetics 1981.

    Args:
        widths: of the nodes, gaps included.
        edges: (from, to), every `from` smaller than its `to`.
    """
    layer = _layers(len(widths), edges)
    room, routes = list(widths), []
    for source, target in edges:
        bends = range(layer[source] + 1, layer[target])
        routes.append([source, *range(len(layer), len(layer) + len(bends)), target])
        layer += bends
        room += [_BEND] * len(bends)
    rows = [[i for i, own in enumerate(layer) if own == level] for level in range(max(layer, default=0) + 1)]
    links = [link for route in routes for link in pairwise(route)]
    x = _straightened(_ordered(rows, links), links, room)
    points = [(x[i], float(own)) for i, own in enumerate(layer)]
    return Layout(
        nodes=tuple(points[: len(widths)]),
        edges=tuple(tuple(points[i] for i in route) for route in routes),
        left=min(x[i] - room[i] / 2 for i in x),
        right=max(x[i] + room[i] / 2 for i in x),
        layers=len(rows),
    )


def _layers(n: int, edges: Sequence[Edge]) -> list[int]:
    layer = [0] * n
    inputs: list[list[int]] = [[] for _ in range(n)]
    outputs: list[list[int]] = [[] for _ in range(n)]
    for source, target in sorted(edges, key=lambda edge: edge[1]):
        layer[target] = max(layer[target], layer[source] + 1)
        inputs[target].append(source)
        outputs[source].append(target)
    for i in reversed(range(n)):
        if len(inputs[i]) == len(outputs[i]) == 1:
            layer[i] = layer[outputs[i][0]] - 1
    return layer


def _neighbours(rows: Sequence[Sequence[int]], links: Sequence[Edge]) -> dict[int, tuple[list[int], list[int]]]:
    near: dict[int, tuple[list[int], list[int]]] = {i: ([], []) for row in rows for i in row}
    for source, target in links:
        near[target][0].append(source)
        near[source][1].append(target)
    return near


def _ordered(rows: list[list[int]], links: Sequence[Edge]) -> list[list[int]]:
    """The layers, each in the order that had the fewest crossings in some sweeps."""
    near = _neighbours(rows, links)
    best, fewest = [list(row) for row in rows], _crossings(rows, links)
    for sweep in range(_SWEEPS):
        side = sweep % 2
        for row in reversed(rows) if side else rows:
            place = {i: (k + 0.5) / len(one) for one in rows for k, i in enumerate(one)}
            middle = {i: _mean([place[j] for j in near[i][side]], place[i]) for i in row}
            row.sort(key=middle.__getitem__)
        if (crossings := _crossings(rows, links)) < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _straightened(rows: Sequence[Sequence[int]], links: Sequence[Edge], room: Sequence[float]) -> dict[int, float]:
    """The x of every node: each as close to the mean of its neighbours as those beside it allow."""
    near = _neighbours(rows, links)
    x: dict[int, float] = {}
    for row in rows:
        x |= dict(zip(row, _offsets(row, room), strict=True))
    for sweep in range(4 * _SWEEPS):
        for row in reversed(rows) if sweep % 2 else rows:
            offsets = _offsets(row, room)
            wish = [_mean([x[j] for side in near[i] for j in side], x[i]) for i in row]
            weights = [_STIFF if room[i] == _BEND else 1.0 for i in row]
            shifts = _rising([w - o for w, o in zip(wish, offsets, strict=True)], weights)
            x |= {i: shift + offset for i, shift, offset in zip(row, shifts, offsets, strict=True)}
    return x


def _rising(values: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The closest sequence that never falls: neighbours in the wrong order are merged into their mean.

    Source: Ayer et al., An empirical distribution function for sampling with incomplete information, 1955.
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(values, weights, strict=True):
        many = 1
        while blocks and blocks[-1][0] > value:
            mean, other, more = blocks.pop()
            value, weight, many = (mean * other + value * weight) / (other + weight), other + weight, many + more
        blocks.append((value, weight, many))
    return [mean for mean, _, many in blocks for _ in range(many)]


def _offsets(row: Sequence[int], room: Sequence[float]) -> list[float]:
    """Middles of the nodes of a layer when they stand shoulder to shoulder, centred at 0."""
    ends = list(accumulate(room[i] for i in row))
    return [end - room[i] / 2 - ends[-1] / 2 for end, i in zip(ends, row, strict=True)]


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _crossings(rows: Sequence[Sequence[int]], links: Sequence[Edge]) -> int:
    place = {i: (level, k) for level, row in enumerate(rows) for k, i in enumerate(row)}
    ends = sorted((*place[source], place[target][1]) for source, target in links)
    return sum(a[0] == b[0] and (a[1] - b[1]) * (a[2] - b[2]) < 0 for k, a in enumerate(ends) for b in ends[k + 1 :])
