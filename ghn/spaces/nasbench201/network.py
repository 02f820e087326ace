"""The network around a NAS-Bench-201 cell: stem, three stages of cells with residual reductions between, class head.

Source: Dong & Yang, ICLR 2020, sec. 2.1 and fig. 1.
"""

from __future__ import annotations

from collections.abc import Callable

from ghn.graph.ir import Graph, GraphBuilder
from ghn.graph.ops import zero_attrs
from ghn.spaces.skeleton import Skeleton

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
LABELS = ("", "skip", "conv 1x1", "conv 3x3", "avg 3x3")  # of these, in pictures
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to), in the order of the official string
EdgeBuilder = Callable[[GraphBuilder, int, str, int], int]  # (builder, input, name, which edge) -> output


def build_network(skeleton: Skeleton, edge: EdgeBuilder) -> Graph:
    """Builds the network whose cells have on each edge what `edge` builds there."""
    b = GraphBuilder(skeleton.input_shape)
    x = b.add("conv", b.input, name="stem/conv", out=skeleton.width, kernel=3, padding=1)
    x = b.add("batch_norm", x, name="stem/norm")
    for stage in range(3):
        if stage:
            x = _reduction(b, x, f"reduce{stage}", skeleton.width * 2**stage)
        for cell in range(skeleton.depth):
            x = _cell(b, x, f"stage{stage}/cell{cell}", edge)
    x = b.add("batch_norm", x, name="head/norm")
    x = b.add("relu", x, name="head/relu")
    x = b.add("global_pool", x, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=skeleton.classes))


def operation(b: GraphBuilder, x: int, name: str, op: str) -> int:
    """Adds the operation of an edge."""
    if op == "none":
        return b.add("zero", x, name=f"{name}/zero", **zero_attrs(b.shape(x)))
    if op == "skip_connect":
        return b.add("identity", x, name=f"{name}/skip")
    if op == "avg_pool_3x3":
        return b.add("avg_pool", x, name=f"{name}/pool", kernel=3, padding=1)
    return _conv_norm(b, x, name, b.shape(x)[0], 1 if op == "nor_conv_1x1" else 3)


def _cell(b: GraphBuilder, x: int, name: str, edge: EdgeBuilder) -> int:
    nodes = [x]
    for target in range(1, 4):
        terms = [edge(b, nodes[s], f"{name}/{s}-{t}", i) for i, (s, t) in enumerate(EDGES) if t == target]
        nodes.append(b.add("sum", *terms, name=f"{name}/node{target}"))
    return nodes[3]


def _conv_norm(b: GraphBuilder, x: int, name: str, out: int, kernel: int, stride: int = 1) -> int:
    """ReLU, convolution, normalisation: the benchmark's order."""
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=kernel, stride=stride, padding=kernel // 2)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _reduction(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """The residual block that halves the image and doubles the channels."""
    y = _conv_norm(b, x, f"{name}/a", out, 3, stride=2)
    y = _conv_norm(b, y, f"{name}/b", out, 3)
    x = b.add("avg_pool", x, name=f"{name}/shortcut/pool", kernel=2, stride=2)
    x = b.add("conv", x, name=f"{name}/shortcut/conv", out=out, kernel=1)
    return b.add("sum", x, y, name=f"{name}/sum")
