"""Which calls of PyTorch are which operation of the IR: the table that tracing reads.

Each translator has the signature of what it translates, so that arguments are bound as PyTorch binds them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ghn.errors import GraphError


class Unsupported(GraphError):
    """A layer or call, or one of its settings, that the IR does not have."""


class Layer(NamedTuple):
    """What a layer or call becomes.

    Attributes:
        op: of the IR; or `flatten`, `size` and `item`, which become no node of their own.
        inputs: the values that it reads.
        attrs: of the operation.
        weights: parameters by their suffix.
        stats: running statistics by their suffix.
    """

    op: str
    inputs: tuple[Any, ...] = ()
    attrs: Mapping[str, int] = {}
    weights: Mapping[str, Tensor] = {}
    stats: Mapping[str, Tensor] = {}


def refuse(wrong: object, what: str) -> None:
    """Raises `Unsupported` for something wrong."""
    if wrong:
        raise Unsupported(what)


def square(value: Any, what: str) -> int:
    """One number for both sides."""
    sides = {value} if isinstance(value, int) else set(value)
    refuse(len(sides) != 1, f"a {what} that differs between height and width: {value}")
    return int(sides.pop())


def _max_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Layer:
    refuse(
        ceil_mode or return_indices or square(dilation, "dilation") != 1,
        "max pooling with dilation, ceil_mode or return_indices",
    )
    return Layer("max_pool", (input,), _window(kernel_size, stride, padding))


def _avg_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Layer:
    attrs = _window(kernel_size, stride, padding)
    refuse(ceil_mode or divisor_override, "average pooling with ceil_mode or divisor_override")
    refuse(attrs["padding"] and count_include_pad, "average pooling that counts its padding: count_include_pad=False")
    return Layer("avg_pool", (input,), attrs)


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, int]:
    side = square(kernel, "kernel")
    step = side if stride in (None, ()) else square(stride, "stride")
    return {"kernel": side, "stride": step, "padding": square(padding, "padding")}


def _adaptive(input: Any, output_size: Any) -> Layer:
    refuse(output_size not in (1, (1, 1), [1, 1]), f"adaptive pooling to {output_size}: only to 1")
    return Layer("global_pool", (input,))


def _mean(input: Any, dim: Any = None, keepdim: bool = False) -> Layer:
    axes = sorted(d % 4 for d in dim) if isinstance(dim, tuple | list) else dim
    refuse(axes != [2, 3], f"a mean over {dim}: only over height and width")
    return Layer("global_pool", (input,))


def _flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Layer:
    refuse((start_dim, end_dim) not in ((1, -1), (1, 3)), "flattening that takes the batch along: flatten(x, 1)")
    return Layer("flatten", (input,))


def _view(input: Any, *shape: Any) -> Layer:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    refuse(len(sizes) != 2, f"a view of shape {sizes}: only flattening to (batch, channels)")
    return Layer("flatten", (input,), {"channels": sizes[1]} if isinstance(sizes[1], int) else {})


def _plus(input: Any, other: Any, *, alpha: float = 1) -> Layer:
    refuse(alpha != 1, f"a sum with alpha={alpha}")
    if any(isinstance(x, int) and x == 0 for x in (input, other)):  # where Python's own sum() starts
        return Layer("identity", (other if isinstance(input, int) else input,))
    return Layer("sum", (input, other))


def _times(input: Any, other: Any) -> Layer:
    refuse(0 not in (input, other), "a product: only with 0")
    return Layer("zero", (other if input == 0 else input,))


def _cat(tensors: Any, dim: int = 0) -> Layer:
    refuse(dim not in (1, -3), f"a concatenation over axis {dim}: only over channels, dim=1")
    return Layer("concat", tuple(tensors))


def _squeeze(input: Any, dim: Any = None) -> Layer:
    refuse(dim not in (None, 2, 3, -1, -2, (2, 3), (-2, -1)), f"squeeze over {dim}: only over height and width")
    return Layer("flatten", (input,))


def _shape(input: Any, name: Any = None) -> Layer:
    refuse(not (name is None or isinstance(name, int) or name == "shape"), f"the attribute {name!r}")
    return Layer("size", (input,))


def _unary(op: str) -> Callable[..., Layer]:
    return lambda input, *settings, **named: Layer(op, (input,))


CALLS: dict[Any, Callable[..., Layer]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _plus),
    **dict.fromkeys((operator.mul, torch.mul, "mul", "mul_"), _times),
    **dict.fromkeys((F.relu, torch.relu, "relu", "relu_"), _unary("relu")),
    torch.zeros_like: _unary("zero"),
    **dict.fromkeys((F.dropout, F.dropout2d, "contiguous"), _unary("identity")),
    **dict.fromkeys((torch.cat, torch.concat), _cat),
    **dict.fromkeys((torch.flatten, "flatten"), _flatten),
    **dict.fromkeys(("view", "reshape", torch.reshape), _view),
    **dict.fromkeys(("squeeze", torch.squeeze), _squeeze),
    **dict.fromkeys(("mean", torch.mean), _mean),
    **dict.fromkeys(("size", getattr), _shape),
    operator.getitem: _unary("item"),
    F.max_pool2d: _max_pool,
    F.avg_pool2d: _avg_pool,
    F.adaptive_avg_pool2d: _adaptive,
}
