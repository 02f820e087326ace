"""The network around the cells of the DARTS space.

Source: Liu, Simonyan & Yang, ICLR 2019, sec. 3.1 and appendix A; details, such as the order of ReLU, convolution and
normalisation, are those of the authors' code for CIFAR-10, as published parameter counts rest on them.
"""

from __future__ import annotations

from collections.abc import Callable

from ghn.graph.ir import Graph, GraphBuilder
from ghn.spaces.skeleton import Skeleton

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
LABELS = ("max 3x3", "avg 3x3", "skip", "sep 3x3", "sep 5x5", "dil 3x3", "dil 5x5")  # of these, in pictures
CELLS = ("normal", "reduce")
NODES = (2, 3, 4, 5)  # 0 and 1 are the outputs of the two cells before
Edge = tuple[str, int, int]  # (kind of cell, source, node)
EdgeBuilder = Callable[[GraphBuilder, int, str, Edge, int], "int | None"]  # (builder, input, name, edge, stride)


def build_network(skeleton: Skeleton, edge: EdgeBuilder) -> Graph:
    """Builds the network whose cells have on each edge what `edge` builds there: None where there is nothing."""
    b = GraphBuilder(skeleton.input_shape)
    x = b.add("conv", b.input, name="stem/conv", out=3 * skeleton.width, kernel=3, padding=1)
    before = last = b.add("batch_norm", x, name="stem/norm")
    width, after_reduction = skeleton.width, False
    for k in range(skeleton.depth):
        reduces = k in (skeleton.depth // 3, 2 * skeleton.depth // 3)
        width *= 2 if reduces else 1
        first = _factorised if after_reduction else _pointwise
        inputs = [first(b, before, f"cell{k}/input0", width), _pointwise(b, last, f"cell{k}/input1", width)]
        before, last = last, _cell(b, inputs, f"cell{k}", "reduce" if reduces else "normal", edge)
        after_reduction = reduces
    x = b.add("global_pool", last, name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=skeleton.classes))


def _cell(b: GraphBuilder, inputs: list[int], name: str, kind: str, edge: EdgeBuilder) -> int:
    values = list(inputs)
    for node in NODES:
        terms = []
        for source in range(node):
            stride = 2 if kind == "reduce" and source < 2 else 1
            term = edge(b, values[source], f"{name}/{source}-{node}", (kind, source, node), stride)
            terms += [] if term is None else [term]
        values.append(b.add("sum", *terms, name=f"{name}/node{node}"))
    return b.add("concat", *values[2:], name=f"{name}/output")


def operation(b: GraphBuilder, x: int, name: str, op: str, stride: int) -> int:
    """Adds the operation of an edge, under a name of its own; `none` gives zeros."""
    name, channels = f"{name}/{op}", b.shape(x)[0]
    if op == "none":
        return zeros(b, x, name, stride)
    if op == "skip_connect":
        return b.add("identity", x, name=f"{name}/skip") if stride == 1 else _factorised(b, x, name, channels)
    kind, size = op[:-4], int(op[-1])
    if kind in ("max_pool", "avg_pool"):
        return b.add(kind, x, name=f"{name}/pool", kernel=size, stride=stride, padding=1)
    if kind == "dil_conv":
        return _depthwise_separable(b, x, name, size, stride, dilation=2)
    x = _depthwise_separable(b, x, f"{name}/first", size, stride)
    return _depthwise_separable(b, x, f"{name}/second", size, 1)


def zeros(b: GraphBuilder, x: int, name: str, stride: int) -> int:
    """Adds what an edge without an operation gives."""
    c, h, w = b.shape(x)
    return b.add("zero", x, name=f"{name}/zero", c=c, h=h // stride, w=w // stride)


def _depthwise_separable(b: GraphBuilder, x: int, name: str, kernel: int, stride: int, dilation: int = 1) -> int:
    channels, padding = b.shape(x)[0], dilation * (kernel // 2)
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add(
        "conv",
        x,
        name=f"{name}/depthwise",
        out=channels,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=channels,
    )
    x = b.add("conv", x, name=f"{name}/pointwise", out=channels, kernel=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _pointwise(b: GraphBuilder, x: int, name: str, out: int) -> int:
    x = b.add("relu", x, name=f"{name}/relu")
    x = b.add("conv", x, name=f"{name}/conv", out=out, kernel=1)
    return b.add("batch_norm", x, name=f"{name}/norm")


def _factorised(b: GraphBuilder, x: int, name: str, out: int) -> int:
    """Halves the image: one half of the channels reads its even pixels, the other its odd ones."""
    x = b.add("relu", x, name=f"{name}/relu")
    even = b.add("conv", x, name=f"{name}/even", out=out // 2, kernel=1, stride=2)
    x = b.add("crop", x, name=f"{name}/crop", top=1, left=1)
    odd = b.add("conv", x, name=f"{name}/odd", out=out - out // 2, kernel=1, stride=2)
    return b.add("batch_norm", b.add("concat", even, odd, name=f"{name}/concat"), name=f"{name}/norm")
