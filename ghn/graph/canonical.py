"""A canonical order and hash, equal for isomorphic networks whatever their names and the order of their nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from hashlib import blake2b
from itertools import groupby
from typing import Any, TypeVar

from ghn.graph.ir import Graph, Node
from ghn.graph.op import Shape

T = TypeVar("T", int, str)
K = TypeVar("K")


def _once(function: Callable[[Graph], K]) -> Callable[[Graph], K]:
    """Computed when it is first asked of a graph, and kept with it: scoring asks three times."""
    name = f"_{function.__name__}"

    @wraps(function)
    def known(graph: Graph) -> K:
        if name not in graph.__dict__:
            graph.__dict__[name] = function(graph)
        found: K = graph.__dict__[name]
        return found

    return known


@_once
def canonical_order(graph: Graph) -> tuple[int, ...]:
    """A permutation of the nodes: `order[p]` is the node at canonical position `p`; topological.

    Nodes are classed by level and operation, and the classes are split by what their members read and are read by, as
    long as that tells them apart. What is left is a matter of choice: one node is put before its like, and the
    consequences are drawn, until no choice is left. Of several choices the one that splits most in canonical order is
    taken; where they split alike (in practice: where a symmetry exchanges them) the first.
    """
    classes = _Classes.of(graph)
    while tied := classes.first_tie():
        classes = min((classes.choosing(i) for i in tied), key=lambda chosen: sorted(chosen.members))
    return tuple(i for start in sorted(classes.members) for i in classes.members[start])


@_once
def canonical_hash(graph: Graph) -> str:
    """A hex digest of the graph's structure: operations, attributes, shapes, edges and output; names do not enter.

    So do kinds and shapes of parameters that do not follow from that, and which of them several nodes share.

    Equal for isomorphic graphs. Equal hashes mean isomorphic graphs, as what is hashed is a full listing in canonical
    order. This says "the same network", not "the same function": see `function_key` for that.
    """
    order = canonical_order(graph)
    position = [0] * len(graph)
    for p, i in enumerate(order):
        position[i] = p
    nodes = [graph.nodes[i] for i in order]
    parts: list[tuple[Any, ...]] = [(node.op, node.attrs, node.shape, _read(node, position)) for node in nodes]
    if any(node.params for node in nodes):
        parts = [(*part, *_own_params(node)) for part, node in zip(parts, nodes, strict=True)] + _shared(graph, order)
    return _digest(position[-1], *parts)


def function_key(graph: Graph) -> str:
    """A hex digest of the family of functions that a graph computes over all weights.

    Two branches of the same form count the same whether they share their weights or not, as in the count of 4,930
    distinct NAS-Bench-201 functions. Apply to a simplified graph.
    """
    keys: list[str] = []
    for node in graph.nodes:
        keys.append(_digest(node.op, node.attrs, node.shape, list(_read(node, keys)), *_own_params(node)))
    return keys[-1]


def _read(node: Node, of: Sequence[T]) -> tuple[T, ...]:
    """What is known of the inputs of a node, in order; sorted where their order does not matter."""
    values = (of[j] for j in node.inputs)
    return tuple(sorted(values) if node.operation.commutative else values)


def _own_params(node: Node) -> tuple[tuple[str, Shape], ...]:
    """Kind and shape of the parameters of a node whose operation does not tell them."""
    if node.params is None or node.operation.infer is not None:
        return ()
    return tuple((param.kind, param.shape) for param in node.params)


def _shared(graph: Graph, order: Sequence[int]) -> list[tuple[Any, ...]]:
    """Of all uses of parameters in canonical order, each that is not the first, and which that is."""
    names = [param.name for i in order for param in graph.node_params[i]]
    first: dict[str, int] = {}
    uses = [(use, first.setdefault(name, use)) for use, name in enumerate(names)]
    return [(use, of) for use, of in uses if use != of]


def _digest(*parts: object) -> str:
    return blake2b(repr(parts).encode(), digest_size=16).hexdigest()


class _Classes:
    """An ordered partition of the nodes: a class is named by the position at which it starts."""

    def __init__(self, graph: Graph, start: list[int], members: dict[int, list[int]]) -> None:
        self.graph, self.start, self.members = graph, start, members

    @classmethod
    def of(cls, graph: Graph) -> _Classes:
        """Nodes classed by level and operation, and split as far as it goes."""
        levels, output = graph.levels, len(graph) - 1
        labels = {
            i: (levels[i], n.op, n.attrs, n.shape, i == output, _own_params(n) if n.params else ())
            for i, n in enumerate(graph.nodes)
        }
        out = cls(graph, [0] * len(graph), {0: list(labels)})
        out._split(0, labels)
        out._refine({start for start, nodes in out.members.items() if len(nodes) > 1})
        return out

    def first_tie(self) -> list[int]:
        """The first class of several nodes, if any."""
        return next((self.members[s] for s in sorted(self.members) if len(self.members[s]) > 1), [])

    def choosing(self, node: int) -> _Classes:
        """The partition in which a node comes before its like."""
        out = _Classes(self.graph, self.start.copy(), self.members.copy())
        start = out.start[node]
        out._split(start, {i: i != node for i in self.members[start]})
        out._refine(out._touched(self.members[start]))
        return out

    def _refine(self, todo: set[int]) -> None:
        """Splits classes until the members of each read, and are read by, the same classes."""
        while todo:
            start = min(todo)
            todo.remove(start)
            nodes = self.members[start]
            if len(nodes) > 1 and self._split(start, {i: self._neighbours(i) for i in nodes}):
                todo |= self._touched(nodes)

    def _split(self, start: int, key: Mapping[int, Any]) -> bool:
        """Splits a class by the keys of its members; whether there were several."""
        position = start
        for _, group in groupby(sorted(self.members[start], key=key.__getitem__), key.__getitem__):
            self.members[position] = list(group)
            for i in self.members[position]:
                self.start[i] = position
            position += len(self.members[position])
        return len(self.members[start]) < position - start

    def _touched(self, nodes: list[int]) -> set[int]:
        """Classes of several nodes that are neighbours of some nodes."""
        graph = self.graph
        near = {self.start[j] for i in nodes for j in (*graph.nodes[i].inputs, *graph.consumers[i])}
        return {start for start in near if len(self.members[start]) > 1}

    def _neighbours(self, i: int) -> tuple[tuple[int, ...], list[tuple[int, tuple[int, ...]]]]:
        """The classes that a node reads, and those that read it, and where."""
        readers = ((self.start[c], _slots(self.graph, i, c)) for c in set(self.graph.consumers[i]))
        return _read(self.graph.nodes[i], self.start), sorted(readers)


def _slots(graph: Graph, i: int, consumer: int) -> tuple[int, ...]:
    """At which inputs `consumer` reads `i`; only how often, where the order does not matter."""
    node = graph.nodes[consumer]
    slots = tuple(s for s, j in enumerate(node.inputs) if j == i)
    return (len(slots),) if node.operation.commutative else slots
