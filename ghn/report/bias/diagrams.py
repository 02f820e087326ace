"""What to draw of an architecture: its cell where the space has cells, else the live part of the computation graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ghn.graph.ir import Graph, Node
from ghn.graph.simplify import simplify
from ghn.spaces.darts import DARTS
from ghn.spaces.darts_network import CELLS, NODES
from ghn.spaces.nasbench201 import NASBench201
from ghn.types import Space, member_of

SUM = "+"
_LABELS = {
    "nor_conv_3x3": "conv 3x3",
    "nor_conv_1x1": "conv 1x1",
    "avg_pool_3x3": "avg 3x3",
    "max_pool_3x3": "max 3x3",
    "skip_connect": "skip",
    "sep_conv_3x3": "sep 3x3",
    "sep_conv_5x5": "sep 5x5",
    "dil_conv_3x3": "dil 3x3",
    "dil_conv_5x5": "dil 5x5",
    "sum": SUM,
    "avg_pool": "avg",
    "max_pool": "max",
    "global_pool": "global pool",
}
_PASSED = ("batch_norm", "relu", "identity")  # in a picture of a whole graph


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture before it is drawn: labels of nodes, in topological order, and edges (from, to)."""

    title: str
    labels: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]


def diagrams(space: Space[Any], arch: Any) -> list[Diagram]:
    """What to draw of an architecture.

    The live part of the cell in NAS-Bench-201, both cells in DARTS, and in any other space the live part of the graph
    without normalisations and activations.

    Args:
        space: of the architecture.
        arch: a member, or its official string.

    Raises:
        ArchitectureError: not a member of the space.
    """
    arch = member_of(space, arch)
    if isinstance(space, NASBench201):
        cell = space.cell(arch)
        live = {edge: op for edge, op in zip(cell.edges, cell.ops, strict=True) if op != cell.vocabulary[0]}
        return [_cell("", {0: "in", 3: "out"}, [(s, t, op) for (s, t), op in live.items()], {3})]
    if isinstance(space, DARTS):
        pairs, half = space.pairs(arch), len(space.pairs(arch)) // len(CELLS)
        ends = {0: "cell k-2", 1: "cell k-1", max(NODES) + 1: "concat"}
        joins = [(node, max(NODES) + 1, "") for node in NODES]
        cells = []
        for c, name in enumerate(CELLS):
            own = pairs[c * half : (c + 1) * half]
            edges = [(source, NODES[k // 2], op) for k, (op, source) in enumerate(own)]
            cells.append(_cell(f"{name} cell", ends, edges + joins, {max(NODES) + 1}))
        return cells
    return [graph_diagram(simplify(space.lower(arch)))]


def graph_diagram(graph: Graph) -> Diagram:
    """A computation graph without what changes no shape and joins nothing: normalisations and activations."""
    shown: dict[int, int] = {}  # node -> its place among those that are drawn, or that of what it passes on
    labels: list[str] = []
    edges: list[tuple[int, int]] = []
    for i, node in enumerate(graph.nodes):
        if node.op in _PASSED:
            shown[i] = shown[node.inputs[0]]
            continue
        shown[i] = len(labels)
        labels.append(_label(node))
        edges += [(shown[j], shown[i]) for j in node.inputs]
    return Diagram("", tuple(labels), tuple(dict.fromkeys(edges)))


def _cell(title: str, ends: Mapping[int, str], edges: Iterable[tuple[int, int, str]], last: set[int]) -> Diagram:
    """A cell whose operations lie on edges: each becomes a node between the two that it joins."""
    edges = sorted(edges, key=lambda edge: (edge[1], edge[0]))
    nodes = sorted({node for source, target, _ in edges for node in (source, target)} | (last | {0}))
    labels: list[str] = []
    place: dict[int, int] = {}
    links: list[tuple[int, int]] = []
    for node in nodes:
        into = [(source, op) for source, target, op in edges if target == node]
        read = []
        for source, op in into:
            read.append(place[source])
            if op:
                links.append((place[source], len(labels)))
                read[-1] = len(labels)
                labels.append(_LABELS.get(op, op))
        place[node] = len(labels)
        labels.append(ends.get(node, SUM))
        links += [(at, place[node]) for at in read]
    return Diagram(title, tuple(labels), tuple(links))


def _label(node: Node) -> str:
    if node.op != "conv":
        return _LABELS.get(node.op, node.op)
    kernel = node.attr["kernel"]
    kind = "conv" if node.attr["groups"] == 1 else "dw" if node.attr["groups"] == node.shape[0] else "grouped"
    return f"{kind} {kernel}x{kernel}" + (f"/{node.attr['stride']}" if node.attr["stride"] > 1 else "")
