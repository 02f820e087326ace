"""The network of a small vision transformer, as a graph: no module is built.

Source: Dosovitskiy et al., "An Image Is Worth 16x16 Words", ICLR 2021, eq. 1 to 4; attention: appendix A, eq. 5 to 8.
Not theirs is how the tokens become one vector: by their mean, and not by a class token. Source: Beyer, Zhai &
Kolesnikov, "Better plain ViT baselines for ImageNet-1k", 2022, sec. 2: the mean is no worse, and needs no token.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghn.graph.ir import Graph, GraphBuilder

EPSILON = 1e-6  # of layer normalisations, as in the authors' code
Block = tuple[int, int]  # heads, and by how much its MLP is wider than the network


def build_network(
    input_shape: tuple[int, int, int], classes: int, patch: int, width: int, blocks: Sequence[Block], head_size: int
) -> Graph:
    """Builds the network of these decisions.

    Args:
        input_shape: (c, h, w) of the images.
        classes: outputs of the class head.
        patch: side of a patch in pixels; divides the sides of the images.
        width: of a token.
        blocks: heads and MLP ratio of each.
        head_size: of a query, key and value.
    """
    b = GraphBuilder(input_shape)
    x = b.add("conv", b.input, name="patches/conv", out=width, kernel=patch, stride=patch, bias=1)
    _, rows, columns = b.shape(x)
    x = _turn(b, _reshape(b, x, "patches/flat", width, rows * columns), "patches/tokens")
    shape = b.shape(x)
    embedding = ("embedding", (1, *shape), "embedding")
    call = [{"x": 0}, {"w": 0}]
    x = b.call("aten.add.Tensor", x, args=call, name="positions", shape=shape, params=[embedding])
    for i, (heads, ratio) in enumerate(blocks):
        x = _attention(b, x, f"block{i}/attention", heads, head_size)
        x = _mlp(b, x, f"block{i}/mlp", ratio)
    # as a map again, of which readings that look at maps see the last one
    x = _turn(b, _norm(b, x, "head/norm"), "head/channels")
    x = b.add("global_pool", _reshape(b, x, "head/map", width, rows, columns), name="head/pool")
    return b.build(b.add("linear", x, name="head/linear", out=classes))


def _attention(b: GraphBuilder, x: int, name: str, heads: int, size: int) -> int:
    """Tokens (n, c) read one another, before a residual sum."""
    n, width = b.shape(x)
    y = b.add("linear", _norm(b, x, f"{name}/norm"), name=f"{name}/qkv", out=3 * heads * size)
    y = _reshape(b, y, f"{name}/heads", n, 3, heads, size)
    call: list[Any] = [{"x": 0}, [2, 0, 3, 1, 4]]
    y = b.call("aten.permute.default", y, args=call, name=f"{name}/split", shape=(3, heads, n, size))
    q, k, v = (
        b.call("aten.select.int", y, args=[{"x": 0}, 0, i], name=f"{name}/{role}", shape=(heads, n, size))
        for i, role in enumerate(("query", "key", "value"))
    )
    call = [{"x": 0}, size**-0.5]
    q = b.call("aten.mul.Scalar", q, args=call, name=f"{name}/scaled", shape=(heads, n, size))
    call = [{"x": 0}, -2, -1]
    k = b.call("aten.transpose.int", k, args=call, name=f"{name}/turned", shape=(heads, size, n))
    y = _product(b, q, k, f"{name}/agreement")
    y = b.call("aten.softmax.int", y, args=[{"x": 0}, -1], name=f"{name}/weights", shape=(heads, n, n))
    y = _product(b, y, v, f"{name}/mixed")
    y = b.call("aten.transpose.int", y, args=[{"x": 0}, 1, 2], name=f"{name}/joined", shape=(n, heads, size))
    y = b.add("linear", _reshape(b, y, f"{name}/tokens", n, heads * size), name=f"{name}/out", out=width)
    return b.add("sum", x, y, name=f"{name}/sum")


def _mlp(b: GraphBuilder, x: int, name: str, ratio: int) -> int:
    """Two layers for each token by itself, before a residual sum."""
    n, width = b.shape(x)
    y = b.add("linear", _norm(b, x, f"{name}/norm"), name=f"{name}/up", out=ratio * width)
    y = b.call("aten.gelu.default", y, args=[{"x": 0}], name=f"{name}/gelu", shape=(n, ratio * width))
    y = b.add("linear", y, name=f"{name}/down", out=width)
    return b.add("sum", x, y, name=f"{name}/sum")


def _norm(b: GraphBuilder, x: int, name: str) -> int:
    shape = b.shape(x)
    params = [("weight", shape[-1:], "norm_weight"), ("bias", shape[-1:], "norm_bias")]
    call = [{"x": 0}, [shape[-1]], {"w": 0}, {"w": 1}, EPSILON, False]
    return b.call("aten.layer_norm.default", x, args=call, name=name, shape=shape, params=params)


def _product(b: GraphBuilder, x: int, y: int, name: str) -> int:
    """Matrix products, one a head."""
    shape = (*b.shape(x)[:-1], b.shape(y)[-1])
    return b.call("aten.matmul.default", x, y, args=[{"x": 0}, {"x": 1}], name=name, shape=shape)


def _turn(b: GraphBuilder, x: int, name: str) -> int:
    """Channels of places as places with channels, or back."""
    rows, columns = b.shape(x)
    return b.call("aten.transpose.int", x, args=[{"x": 0}, 1, 2], name=name, shape=(columns, rows))


def _reshape(b: GraphBuilder, x: int, name: str, *shape: int) -> int:
    return b.call("aten.reshape.default", x, args=[{"x": 0}, [{"b": 1}, *shape]], name=name, shape=shape)
