"""What is drawn of a network, before it is laid out: labelled nodes and the edges between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # graphs show themselves as diagrams
    from ghn.graph.ir import Graph

SUM = "+"


@dataclass(frozen=True, slots=True)
class Diagram:
    """A picture before it is drawn."""

    title: str  # above it, or ""
    labels: tuple[str, ...]  # of the nodes, in topological order
    edges: tuple[tuple[int, int], ...]  # (from, to), places in `labels`
    ends: frozenset[int] = frozenset()  # nodes that are no operations, such as input and output: drawn without a frame


def graph_diagram(graph: Graph) -> Diagram:
    """A computation graph without the operations that pictures pass over, such as normalisations and activations."""
    shown: dict[int, int] = {}  # node -> its place among those that are drawn, or that of what it passes on
    labels: list[str] = []
    edges: list[tuple[int, int]] = []
    for i, node in enumerate(graph.nodes):
        label = node.op if node.operation.label is None else node.operation.label(node.attr, node.shape)
        if not label:  # what pictures pass over
            shown[i] = shown[node.inputs[0]]
            continue
        shown[i] = len(labels)
        labels.append(label)
        edges += [(shown[j], shown[i]) for j in node.inputs]
    ends = frozenset(shown[i] for i, node in enumerate(graph.nodes) if not node.inputs)
    return Diagram("", tuple(labels), tuple(dict.fromkeys(edges)), ends)


def cell_diagram(title: str, ends: Mapping[int, str], edges: Iterable[tuple[int, int, str]]) -> Diagram:
    """A cell whose operations lie on edges: each becomes a node between the two that it joins.

    Args:
        title: above it, or "".
        ends: labels of inputs and output; the first and the last are drawn even where nothing leads to them. All other
            nodes are sums.
        edges: (from, to, label of the operation), `from` smaller than `to`; "" for a mere connection.
    """
    edges = sorted(edges, key=lambda edge: (edge[1], edge[0]))
    nodes = sorted({node for source, target, _ in edges for node in (source, target)} | {min(ends), max(ends)})
    labels: list[str] = []
    place: dict[int, int] = {}
    links: list[tuple[int, int]] = []
    for node in nodes:
        read = []
        for source, target, op in edges:
            if target != node:
                continue
            read.append(place[source])
            if op:
                links.append((place[source], len(labels)))
                read[-1] = len(labels)
                labels.append(op)
        place[node] = len(labels)
        labels.append(ends.get(node, SUM))
        links += [(at, place[node]) for at in read]
    return Diagram(title, tuple(labels), tuple(links), frozenset(place[node] for node in nodes if node in ends))
