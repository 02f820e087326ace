"""Numbers of a graph: what it holds, how values flow through it, and what an estimator's errors may go with.

`graph_stats` counts what is there: take it of `simplify(graph)` for the live part. Paths and widths are of the graph as
it was built, where identities still are, and count live nodes alone. All of it from the graph, in any space.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from math import prod

from ghn.display import brief
from ghn.graph.ir import Graph, Node
from ghn.graph.op import get_op
from ghn.graph.simplify import simplify

MACS = "multiply-adds of convolutions and linear layers"  # what is counted: identities of scores that hold it say so
PROPERTIES = {
    "live parameters": "weights on a path from input to output",
    "multiply-adds": "multiply-adds for one image, on paths from input to output",
    "convolutions": "convolutions on paths from input to output",
    "depth": "convolutions on the longest path from input to output",
    "width": "the most channels held at one time: of values that were computed and will be read",
    "skips": "identities on paths from input to output",
    "pools": "poolings with a window on paths from input to output",
    "distance": "convolutions and poolings on the shortest path from input to output",
}
_PHRASES = {  # networks with much of it, and with little, where that is not "many" and "few"
    "depth": ("deep networks", "shallow networks"),
    "width": ("wide networks", "narrow networks"),
    "distance": ("networks whose input is far from the output", "networks whose input is close to the output"),
}


@brief
@dataclass(frozen=True, slots=True)
class GraphStats:
    """Statistics of a graph; take them of `simplify(graph)` for its live part."""

    params: int  # number of weights
    macs: int  # multiply-adds for one image
    depth: int  # operations with weights on the longest path from input to output
    width: int  # greatest number of nodes on one level (longest distance from the input)
    ops: dict[str, int]  # how often each operation occurs
    kernels: dict[int, int]  # how often each convolution kernel size occurs

    @property
    def convolutions(self) -> int:
        """How many there are."""
        return sum(self.kernels.values())


def count_params(graph: Graph) -> int:
    """Number of weights."""
    return sum(prod(p.shape) for p in graph.params())


def graph_stats(graph: Graph) -> GraphStats:
    """Computes all statistics."""
    macs, depth = 0, [0] * len(graph)
    for i, node in enumerate(graph.nodes):
        macs += node.operation.macs(graph.input_shapes(i), node.shape, node.attr)
        depth[i] = max((depth[j] for j in node.inputs), default=0) + graph.has_params(i)
    return GraphStats(
        params=count_params(graph),
        macs=macs,
        depth=depth[-1],
        width=max(Counter(graph.levels).values()),
        ops=dict(Counter(n.op for n in graph.nodes)),
        kernels=dict(Counter(n.attr["kernel"] for n in graph.nodes if n.operation.convolves)),
    )


def graph_properties(graph: Graph) -> dict[str, float]:
    """The properties of one network as a space gives it, dead parts and all; see `PROPERTIES` for what each is."""
    stats = graph_stats(simplify(graph))
    live = [node.operation for alive, node in zip(live_nodes(graph), graph.nodes, strict=True) if alive]
    values = {
        "live parameters": stats.params,
        "multiply-adds": stats.macs,
        "convolutions": stats.convolutions,
        "depth": longest_path(graph, lambda node: node.operation.convolves),
        "width": channels_alive(graph),
        "skips": sum(op.adds and op.arity == (1, 1) for op in live),
        "pools": sum(many for op, many in stats.ops.items() if get_op(op).pools),
        "distance": shortest_path(graph, lambda node: node.operation.convolves or node.operation.pools),
    }
    return {name: float(value) for name, value in values.items()}


def phrase(name: str, much: bool) -> str:
    """Networks with much, or with little, of a property, in words; of any property, also a user's own."""
    if name in _PHRASES:
        return _PHRASES[name][0 if much else 1]
    if name in PROPERTIES:
        return f"networks with {'many' if much else 'few'} {name}"
    return f"networks with a {'high' if much else 'low'} {name}"


def live_nodes(graph: Graph) -> list[bool]:
    """[n]: whether a node carries the input to the output; zeros, and what only zeros feed, do not."""
    fed: list[bool] = []
    for node in graph.nodes:
        fed.append(not node.inputs or (not node.operation.cuts and any(fed[j] for j in node.inputs)))
    used = [False] * len(graph)
    used[-1] = fed[-1]
    for i in reversed(range(len(graph))):
        for j in graph.nodes[i].inputs if used[i] else ():
            used[j] = used[j] or fed[j]
    return used


def longest_path(graph: Graph, counts: Callable[[Node], bool]) -> int:
    """The most nodes that count on one path from the input to the output."""
    return _paths(graph, counts, max)


def shortest_path(graph: Graph, counts: Callable[[Node], bool]) -> int:
    """The fewest nodes that count on one path from the input to the output."""
    return _paths(graph, counts, min)


def _paths(graph: Graph, counts: Callable[[Node], bool], choose: Callable[[list[int]], int]) -> int:
    """Over live nodes alone; 0 where no path leads from the input to the output."""
    live, length = live_nodes(graph), [0] * len(graph)
    for i, node in enumerate(graph.nodes):
        if live[i]:
            length[i] = counts(node) + choose([length[j] for j in node.inputs if live[j]] or [0])
    return length[-1]


def channels_alive(graph: Graph) -> int:
    """The most channels that are held at one time: of values that were computed and will be read.

    Time is the longest distance from the input, so that what can run side by side does. An identity, and a sum of one
    live term, hold nothing of their own.
    """
    live, level = live_nodes(graph), [0] * len(graph)
    held_as, last = list(range(len(graph))), [0] * len(graph)
    for i, node in enumerate(graph.nodes):
        if not live[i]:
            continue
        read = [held_as[j] for j in node.inputs if live[j]]
        if node.operation.adds and len(read) == 1:
            held_as[i] = read[0]
            continue
        level[i] = 1 + max((level[j] for j in read), default=-1)
        for j in read:
            last[j] = max(last[j], level[i])
    change = [0] * (max(level) + 2)
    for i, node in enumerate(graph.nodes):
        if live[i] and held_as[i] == i and last[i] > level[i]:
            change[level[i]] += node.shape[0]
            change[last[i]] -= node.shape[0]
    return max(accumulate(change), default=0)
