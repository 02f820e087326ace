"""Numbers of a graph: what it holds, and how values flow through it.

`graph_stats` counts what is there: take it of `simplify(graph)` for the live part. The functions after it look at the
graph as it was built, where identities still are, and count live nodes alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from ghn.graph.ir import Graph, Node


@dataclass(frozen=True, slots=True)
class GraphStats:
    """Statistics of a graph; take them of `simplify(graph)` for its live part.

    Attributes:
        params: number of weights.
        macs: multiply-adds for one image.
        depth: operations with weights on the longest path from input to output.
        width: greatest number of nodes on one level (longest distance from the input).
        ops: how often each operation occurs.
        kernels: how often each convolution kernel size occurs.
    """

    params: int
    macs: int
    depth: int
    width: int
    ops: dict[str, int]
    kernels: dict[int, int]

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


def live_nodes(graph: Graph) -> list[bool]:
    """[n]: whether a node carries the input to the output; zeros, and what only zeros feed, do not."""
    fed: list[bool] = []
    for node in graph.nodes:
        fed.append(node.op == "input" or (not node.operation.cuts and any(fed[j] for j in node.inputs)))
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
    most = now = 0
    for step in change:
        now += step
        most = max(most, now)
    return most
