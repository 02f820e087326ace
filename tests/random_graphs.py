"""Random graphs, and other listings of the same graph."""

from __future__ import annotations

from random import Random
from zlib import crc32

import torch
from hypothesis import strategies as st
from torch import Tensor

from ghn.graph import Graph, GraphBuilder, Node, get_op
from ghn.graph.ops import zero_attrs

UNARY = ("conv", "conv", "batch_norm", "relu", "avg_pool", "max_pool", "identity")


@st.composite
def graphs(draw: st.DrawFn, *, zeros: bool = True, size: int = 10) -> Graph:
    """A connected or disconnected image classifier of up to `size` random operations and a head."""
    b = GraphBuilder((draw(st.integers(1, 3)), 6, 6))
    nodes = [b.input]
    for k in range(draw(st.integers(1, size))):
        nodes.append(_random_node(draw, b, nodes, f"node{k}", zeros))
    last = nodes[-1] if len(b.shape(nodes[-1])) == 3 else b.input
    pooled = b.add("global_pool", last, name="pool")
    return b.build(b.add("linear", pooled, name="head", out=3))


def _random_node(draw: st.DrawFn, b: GraphBuilder, nodes: list[int], name: str, zeros: bool) -> int:
    source = draw(st.sampled_from(nodes))
    shape = b.shape(source)
    op = draw(st.sampled_from([*UNARY, "sum", "sum", "concat", *(["zero", "zero"] if zeros else [])]))
    if op == "zero":
        return b.add("zero", source, name=name, **zero_attrs(shape))
    if op == "sum":
        alike = [i for i in nodes if b.shape(i) == shape]
        return b.add("sum", source, *draw(st.lists(st.sampled_from(alike), max_size=3)), name=name)
    if op == "concat":
        alike = [i for i in nodes if b.shape(i)[1:] == shape[1:] and b.shape(i)[0] + shape[0] <= 12]
        return b.add("concat", source, *draw(st.lists(st.sampled_from(alike), max_size=1)) if alike else (), name=name)
    if op == "conv":
        kernel = draw(st.sampled_from([1, 3]))
        attrs = {
            "out": draw(st.integers(1, 3)),
            "kernel": kernel,
            "padding": kernel // 2,
            "bias": draw(st.integers(0, 1)),
        }
        return b.add("conv", source, name=name, **attrs)
    if op in ("avg_pool", "max_pool"):
        return b.add(op, source, name=name, kernel=3, padding=1)
    return b.add(op, source, name=name)


def shuffled(graph: Graph, rng: Random) -> tuple[Graph, dict[str, str]]:
    """Another listing of the same network: topological order, names and the order of summands are drawn anew.

    Returns:
        The graph, and the new name of each node by its old one.
    """
    output, order = len(graph) - 1, [0]
    left = set(range(1, output))
    while left:
        order.append(rng.choice(sorted(i for i in left if not left & set(graph.nodes[i].inputs))))
        left.remove(order[-1])
    order.append(output)
    position = {i: p for p, i in enumerate(order)}
    names = {graph.nodes[i].name: f"n{rng.getrandbits(48):x}" if i else "input" for i in order}
    nodes = []
    for i in order:
        node, inputs = graph.nodes[i], [position[j] for j in graph.nodes[i].inputs]
        if get_op(node.op).commutative:
            rng.shuffle(inputs)
        nodes.append(Node(names[node.name], node.op, tuple(inputs), node.attrs, node.shape))
    return Graph(tuple(nodes)), names


def random_weights(graph: Graph, seed: int = 0, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    """Weights for a graph, each drawn by its own name, so that graphs that share names share weights."""
    return {
        p.name: torch.randn(
            p.shape, generator=torch.Generator().manual_seed(crc32(p.name.encode()) + seed), dtype=dtype
        )
        for p in graph.params()
    }


def images(graph: Graph, n: int = 3, dtype: torch.dtype = torch.float64) -> Tensor:
    """A batch that fits a graph."""
    return torch.randn((n, *graph.input_shape), generator=torch.Generator().manual_seed(1), dtype=dtype)
