"""Counts on a graph: parameters, multiply-adds, depth, width, operations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

from ghn.graph.ir import Graph
from ghn.graph.op import get_op


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


def count_params(graph: Graph) -> int:
    """Number of weights."""
    return sum(prod(p.shape) for p in graph.params())


def graph_stats(graph: Graph) -> GraphStats:
    """Computes all statistics."""
    macs, depth = 0, [0] * len(graph)
    for i, node in enumerate(graph.nodes):
        macs += get_op(node.op).macs(graph.input_shapes(i), node.shape, node.attr)
        depth[i] = max((depth[j] for j in node.inputs), default=0) + graph.has_params(i)
    return GraphStats(
        params=count_params(graph),
        macs=macs,
        depth=depth[-1],
        width=max(Counter(graph.levels).values()),
        ops=dict(Counter(n.op for n in graph.nodes)),
        kernels=dict(Counter(n.attr["kernel"] for n in graph.nodes if n.op == "conv")),
    )
