"""A canonical order and hash, equal for isomorphic networks whatever their names and the order of their nodes."""

from __future__ import annotations

from hashlib import blake2b

from ghn.graph.ir import Graph
from ghn.graph.ops import get_op

_ROUNDS = 2  # of colour refinement; one more changes no class in any space here


def canonical_order(graph: Graph) -> tuple[int, ...]:
    """A permutation of the nodes: `order[p]` is the node at canonical position `p`; topological.

    Nodes are coloured from their inputs down and from their consumers up (a Weisfeiler-Lehman refinement along the
    order of the DAG), then placed level by level, ties broken by the places of their inputs.
    """
    levels = node_levels(graph)
    colour = _colours(graph)
    position = [0] * len(graph)
    order: list[int] = []
    by_level: dict[int, list[int]] = {}
    for i, level in enumerate(levels):
        by_level.setdefault(level, []).append(i)
    for level in sorted(by_level):
        keyed = sorted(by_level[level], key=lambda i: (colour[i], _places(graph, i, position), i))
        for i in keyed:
            position[i] = len(order)
            order.append(i)
    return tuple(order)


def node_levels(graph: Graph) -> list[int]:
    """Longest distance of each node from the input, in edges; a node's inputs are all on lower levels."""
    levels: list[int] = []
    for node in graph.nodes:
        levels.append(1 + max((levels[j] for j in node.inputs), default=-1))
    return levels


def canonical_hash(graph: Graph, order: tuple[int, ...] | None = None) -> str:
    """A hex digest of the graph's structure: operations, attributes, shapes and edges; names do not enter.

    Equal for isomorphic graphs. Equal hashes mean isomorphic graphs, as what is hashed is a full listing in canonical
    order. This says "the same network", not "the same function": see `function_key` for that.
    """
    order = order or canonical_order(graph)
    position = [0] * len(graph)
    for p, i in enumerate(order):
        position[i] = p
    listing = [(graph.nodes[i].op, graph.nodes[i].attrs, graph.nodes[i].shape, _places(graph, i, position)) for i in order]
    return _digest(*listing)


def function_key(graph: Graph) -> str:
    """A hex digest of the family of functions that a graph computes over all weights.

    Two branches of the same form count the same whether they share their weights or not, as in the count of 4,930
    distinct NAS-Bench-201 functions. Apply to a simplified graph.
    """
    return _from_inputs(graph, [""] * len(graph))[-1]


def _places(graph: Graph, i: int, position: list[int]) -> tuple[int, ...]:
    node = graph.nodes[i]
    places = (position[j] for j in node.inputs)
    return tuple(sorted(places)) if get_op(node.op).commutative else tuple(places)


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


def _from_inputs(graph: Graph, colour: list[str]) -> list[str]:
    out: list[str] = []
    for i, node in enumerate(graph.nodes):
        fed = [out[j] for j in node.inputs]
        if get_op(node.op).commutative:
            fed.sort()
        out.append(_digest(colour[i], node.op, node.attrs, node.shape, fed))
    return out


def _from_consumers(graph: Graph, colour: list[str]) -> list[str]:
    out = [""] * len(graph)
    for i in range(len(graph) - 1, -1, -1):
        read = sorted((out[c], _slots(graph, i, c)) for c in set(graph.consumers[i]))
        out[i] = _digest(colour[i], read)
    return out


def _slots(graph: Graph, i: int, consumer: int) -> tuple[int, ...]:
    """At which inputs `consumer` reads `i`; only how often, where the order does not matter."""
    node = graph.nodes[consumer]
    slots = tuple(s for s, j in enumerate(node.inputs) if j == i)
    return (len(slots),) if get_op(node.op).commutative else slots


def _colours(graph: Graph) -> list[str]:
    colour = [""] * len(graph)
    for _ in range(_ROUNDS):
        colour = _from_consumers(graph, _from_inputs(graph, colour))
    return colour
