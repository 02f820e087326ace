"""The one home of an operation: its shape inference, parameters, execution and cost.

To add an operation, write one `Op` and `register` it; builder, interpreter, features and statistics know it. What a
user's module calls and has no place here stands in `ghn.graph.calls`.

Batch normalisation is the only operation with two modes, and this is the only place that says so. Candidates with
generated or shared weights run on **batch statistics**, in training and scoring alike: there are no running buffers to
generate, and statistics shared between paths mis-rank them. Candidates trained by SGD keep **running statistics** as
usual: the interpreter then hands `run` the node's buffers.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import partial, reduce
from math import prod
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.convolution import convolve
from ghn.graph.memory import part_of, side_by_side
from ghn.graph.op import Attrs, Op, ParamSpec, Shape, Stats, register
from ghn.graph.pooling import average, greatest

_EPSILON = 1e-5  # of normalisations


def _spatial(shape: Shape, op: str) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise GraphError(f"{op} needs an input of shape (c, h, w)", got=shape)
    return shape[0], shape[1], shape[2]


def _window(shape: Shape, a: Attrs, op: str) -> tuple[int, int]:
    """Output height and width of a sliding window."""
    _, h, w = _spatial(shape, op)
    _positive(a, op, "kernel", "stride", "dilation")
    if a["padding"] < 0:
        raise GraphError(f"{op}: padding must not be negative", got=a["padding"])
    reach = a.get("dilation", 1) * (a["kernel"] - 1)
    out = [(side + 2 * a["padding"] - reach - 1) // a["stride"] + 1 for side in (h, w)]
    if min(out) < 1:
        expected = f"at least {reach + 1} pixels a side"
        raise GraphError(f"{op}: the window is larger than its input", got=shape, expected=expected)
    return out[0], out[1]


def _positive(a: Attrs, op: str, *names: str) -> None:
    if wrong := {name: a[name] for name in names if a.get(name, 1) < 1}:
        raise GraphError(f"{op}: {', '.join(wrong)} must be at least 1", got=wrong)


def _same(shapes: Sequence[Shape], _attrs: Attrs) -> Shape:
    return shapes[0]


def _passed_over(_attrs: Attrs, _output: Shape) -> str:
    """The label of what pictures of whole networks leave out."""
    return ""


def _window_label(name: str, a: Attrs, _output: Shape) -> str:
    return f"{name} {a['kernel']}x{a['kernel']}" + (f"/{a['stride']}" if a["stride"] > 1 else "")


# --- convolution -----------------------------------------------------------------------------------------------------


def _conv_infer(shapes: Sequence[Shape], a: Attrs) -> Shape:
    c = _spatial(shapes[0], "conv")[0]
    _positive(a, "conv", "out", "groups")
    if c % a["groups"] or a["out"] % a["groups"]:
        got = f"{c} -> {a['out']}, groups {a['groups']}"
        raise GraphError("conv: groups must divide input and output channels", got=got)
    return (a["out"], *_window(shapes[0], a, "conv"))


def _conv_params(shapes: Sequence[Shape], a: Attrs) -> tuple[ParamSpec, ...]:
    weight = ("weight", (a["out"], shapes[0][0] // a["groups"], a["kernel"], a["kernel"]), "conv_weight")
    return (weight, ("bias", (a["out"],), "bias")) if a["bias"] else (weight,)


def _conv_run(x: Sequence[Tensor], w: Sequence[Tensor], a: Attrs, _s: Stats | None) -> Tensor:
    return convolve(x[0], w[0], w[1] if a["bias"] else None, a["stride"], a["padding"], a["dilation"], a["groups"])


def _conv_label(a: Attrs, output: Shape) -> str:
    return _window_label("conv" if a["groups"] == 1 else "dw" if a["groups"] == output[0] else "grouped", a, output)


# --- normalisation and activation ------------------------------------------------------------------------------------


def _norm_params(shapes: Sequence[Shape], a: Attrs) -> tuple[ParamSpec, ...]:
    channels = shapes[0][:1]
    return (("weight", channels, "norm_weight"), ("bias", channels, "norm_bias")) if a["affine"] else ()


def _norm_run(x: Sequence[Tensor], w: Sequence[Tensor], a: Attrs, stats: Stats | None) -> Tensor:
    weight, bias = w if w else (None, None)
    if stats is None:
        return F.batch_norm(x[0], None, None, weight, bias, training=True, eps=a["eps"])
    return F.batch_norm(x[0], stats.mean, stats.var, weight, bias, stats.training, stats.momentum, a["eps"])


# --- pooling ---------------------------------------------------------------------------------------------------------


def _pool_infer(shapes: Sequence[Shape], a: Attrs) -> Shape:
    if 2 * a["padding"] > a["kernel"]:
        raise GraphError("pool: padding must be at most half the kernel", got=dict(a))
    return (shapes[0][0], *_window(shapes[0], a, "pool"))


_pool = partial(
    Op, arity=(1, 1), attrs={"kernel": None, "stride": 1, "padding": 0}, infer=_pool_infer, channelwise=True, pools=True
)

# --- routing ---------------------------------------------------------------------------------------------------------


def _sum_infer(shapes: Sequence[Shape], _a: Attrs) -> Shape:
    if len(set(shapes)) != 1:
        raise GraphError("sum needs inputs of one shape", got=list(shapes))
    return shapes[0]


def _sum_run(x: Sequence[Tensor], *_: Any) -> Tensor:
    return reduce(operator.add, x)


def _concat_infer(shapes: Sequence[Shape], _a: Attrs) -> Shape:
    if len({s[1:] for s in shapes}) != 1:
        raise GraphError("concat needs inputs of one height and width", got=list(shapes))
    return (sum(s[0] for s in shapes), *shapes[0][1:])


def _crop_infer(shapes: Sequence[Shape], a: Attrs) -> Shape:
    c, h, w = _spatial(shapes[0], "crop")
    if not (0 <= a["top"] < h and 0 <= a["left"] < w):
        expected = f"top in 0..{h - 1}, left in 0..{w - 1}"
        raise GraphError("crop: nothing of the image is left", got=dict(a), expected=expected)
    return (c, h - a["top"], w - a["left"])


def _narrow_infer(shapes: Sequence[Shape], a: Attrs) -> Shape:
    if not 1 <= a["out"] <= shapes[0][0]:
        raise GraphError("narrow: not so many channels", got=dict(a), expected=f"out in 1..{shapes[0][0]}")
    return (a["out"], *shapes[0][1:])


def _mix_run(x: Sequence[Tensor], w: Sequence[Tensor], _a: Attrs, _s: Stats | None) -> Tensor:
    """Source: Liu, Simonyan & Yang, "DARTS", ICLR 2019, eq. 2, with the softmax already taken."""
    return _sum_run([weight * term for weight, term in zip(w[0].unbind(), x, strict=True)])


def zero_shape(a: Attrs) -> Shape:
    """Output shape of a `zero` node."""
    return (a["c"], a["h"], a["w"]) if a["h"] else (a["c"],)


def zero_attrs(shape: Shape) -> dict[str, int]:
    """Attributes of a `zero` node of this shape."""
    return dict(zip("chw", shape, strict=False))


# --- head ------------------------------------------------------------------------------------------------------------


def _linear_infer(shapes: Sequence[Shape], a: Attrs) -> Shape:
    """A vector, or each of several: the last axis."""
    if len(shapes[0]) == 3:
        raise GraphError(
            "linear reads vectors, not maps",
            got=shapes[0],
            expected="shape (k,), or (n, k)",
            fix="pool the image first (global_pool)",
        )
    _positive(a, "linear", "out")
    return (*shapes[0][:-1], a["out"])


def _linear_params(shapes: Sequence[Shape], a: Attrs) -> tuple[ParamSpec, ...]:
    weight = ("weight", (a["out"], shapes[0][-1]), "linear_weight")
    return (weight, ("bias", (a["out"],), "linear_bias")) if a["bias"] else (weight,)


# --- all of them ---------------------------------------------------------------------------------------------------

for _op in (
    Op(
        "conv",
        (1, 1),
        {"out": None, "kernel": None, "stride": 1, "padding": 0, "dilation": 1, "groups": 1, "bias": 0},
        _conv_infer,
        _conv_run,
        _conv_params,
        lambda i, o, a: prod(o) * (i[0][0] // a["groups"]) * a["kernel"] ** 2,
        label=_conv_label,
        mixes=True,
        convolves=True,
    ),
    Op(
        "batch_norm",
        (1, 1),
        {"eps": _EPSILON, "affine": 1},
        _same,
        _norm_run,
        _norm_params,
        has_stats=True,
        channelwise=True,
        normalises=True,
        label=_passed_over,
    ),
    Op(
        "relu",
        (1, 1),
        {},
        _same,
        lambda x, w, a, s: F.relu(x[0]),
        label=_passed_over,
        channelwise=True,
        activates=True,
        gain=2.0,  # Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, sec. 2.2
    ),
    _pool(
        "avg_pool",
        run=lambda x, w, a, s: average(x[0], a["kernel"], a["stride"], a["padding"]),
        label=partial(_window_label, "avg"),
    ),
    _pool(
        "max_pool",
        run=lambda x, w, a, s: greatest(x[0], a["kernel"], a["stride"], a["padding"]),
        label=partial(_window_label, "max"),
    ),
    Op(
        "global_pool",
        (1, 1),
        {},
        lambda s, a: (_spatial(s[0], "global_pool")[0],),
        lambda x, w, a, s: x[0].mean((-2, -1)),
        label=lambda a, o: "global pool",
        channelwise=True,
        flattens=True,
    ),
    Op("input", (0, 0), {}, None, lambda x, w, a, s: x[0]),
    Op("constant", (0, 0), {}, None, lambda x, w, a, s: x[0]),  # such as a buffer: whoever runs the graph has its value
    Op(  # dropout is one in evaluation
        "identity",
        (1, 1),
        {},
        _same,
        lambda x, w, a, s: x[0],
        label=_passed_over,
        channelwise=True,
        adds=True,
    ),
    Op(  # zeros of any shape; the input gives the batch size. h = w = 0 makes a vector
        "zero",
        (1, 1),
        {"c": None, "h": 0, "w": 0},
        lambda s, a: zero_shape(a),
        lambda x, w, a, s: x[0].new_zeros((x[0].shape[0], *zero_shape(a))),
        cuts=True,
    ),
    Op(
        "sum",
        (1, None),
        {},
        _sum_infer,
        _sum_run,
        commutative=True,
        label=lambda a, o: "+",
        channelwise=True,
        adds=True,
    ),
    Op(
        "concat",
        (1, None),
        {},
        _concat_infer,
        lambda x, w, a, s: side_by_side(x),
        joins=True,
    ),
    Op(  # the part of an image from a row and a column on; a factorised reduction reads it beside the whole
        "crop",
        (1, 1),
        {"top": 0, "left": 0},
        _crop_infer,
        lambda x, w, a, s: part_of(x[0], a["top"], a["left"]),
        # not said to be channelwise: narrowing would leave half a factorised reduction without a channel
    ),
    Op(  # the first channels of an image or of a vector
        "narrow",
        (1, 1),
        {"out": None},
        _narrow_infer,
        lambda x, w, a, s: x[0][:, : a["out"]],
        label=_passed_over,
        # not said to be channelwise: whoever reads it counts on so many channels
    ),
    Op(  # the mixed operation of a supergraph: its weight holds one number an input
        "mix",
        (1, None),
        {},
        _sum_infer,
        _mix_run,
        lambda s, a: (("weight", (len(s),), "mix_weight"),),
    ),
    Op(
        "linear",
        (1, 1),
        {"out": None, "bias": 1},
        _linear_infer,
        lambda x, w, a, s: F.linear(x[0], *w),
        _linear_params,
        lambda i, o, a: i[0][-1] * prod(o),
        mixes=True,
    ),
):
    register(_op)
