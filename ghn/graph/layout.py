"""Where the nodes of a picture of a network stand, and where its edges run; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from ghn.graph.diagram import SUM, Diagram

Edge = tuple[int, int]
Point = tuple[float, float]
MOST = 150  # labels of a picture; of larger ones nothing is seen
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


def lay_out(diagram: Diagram) -> Layout:
    """Lays a diagram out as `layered` does, each node as wide as its label."""
    return layered([_width(label) for label in diagram.labels], diagram.edges)


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


def _width(label: str) -> float:
    """Characters that a node takes with its frame and a gap."""
    return 3.0 if label == SUM else len(label) + 2.0


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
