"""What a call of PyTorch means: an operation of `ghn.graph.ops` where there is one, else a call in a plain form."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor

from ghn.graph.op import Shape

SAME = frozenset(("alias", "detach", "clone", "lift_fresh", "contiguous", "_to_copy"))  # the same values once more


@dataclass(slots=True)
class Meaning:
    """A call: how it is written, and what operation it means if its operands are plain inputs and parameters."""

    call: str  # the operator, such as `aten.gelu.default`
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    macs: int = 0  # multiply-adds of the whole batch
    op: str | None = None  # of `ghn.graph.ops`
    reads: Sequence[Tensor] = ()  # its inputs
    weights: Sequence[Tensor] = ()  # its parameters
    stats: Sequence[Tensor | None] = ()  # its running statistics
    attrs: Mapping[str, Any] = field(default_factory=dict)
    axes: Sequence[int] = (4,)  # how many axes, with the batch, its inputs may have
    merged: bool = False  # whether the batch may share its axis with others, as in windows of images
    transposed: bool = False  # whether its first parameter is read transposed
    single: bool = False  # whether only the first of what was dispatched gives is its value

    @property
    def base(self) -> str:
        """The name of the operator alone."""
        return self.call.split(".")[1]

    def place(self, tensor: Tensor) -> int:
        """Which argument a tensor is, or is in."""
        for i, value in enumerate([*self.args, *self.kwargs.values()]):
            if value is tensor or (isinstance(value, list | tuple) and any(x is tensor for x in value)):
                return i
        return 0


def translate(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> Meaning:
    """What a dispatched operator means; an operation in place means what it computes."""
    name = str(func)
    space, base, overload = [*name.split("."), "default"][:3]
    bound = {a.name: v for a, v in zip(func._schema.arguments, args, strict=False)} | dict(kwargs)
    full = {
        a.name: bound.get(a.name, a.default_value if a.has_default_value() else None) for a in func._schema.arguments
    }
    if space == "aten" and base.endswith("_") and not base.endswith("__"):
        base = base[:-1]
        overload = _overload(base, overload, [a.name for a in func._schema.arguments])
    if space == "aten" and base in _MEANINGS:
        return _MEANINGS[base](full, out) or Meaning(f"{space}.{base}.{overload}", args, kwargs)
    return Meaning(f"{space}.{base}.{overload}", args, kwargs)


def _overload(base: str, overload: str, arguments: Sequence[str]) -> str:
    """Of an operator that is no longer in place: the one of the same name, or with the same arguments."""
    packet = getattr(torch.ops.aten, base)
    if overload in packet.overloads():
        return overload
    every = {name: [a.name for a in getattr(packet, name)._schema.arguments] for name in packet.overloads()}
    return next((name for name, own in every.items() if own == list(arguments)), overload)


def kind_of(meaning: Meaning, tensor: Tensor, shape: Shape) -> str:
    """The kind of a parameter of this shape, from the call that reads it (or a view of it, `tensor`) first."""
    base, place = meaning.base, meaning.place(tensor)
    if not shape:
        return "scalar"
    if base == "convolution" and place:
        return "bias" if place == 2 else "transposed_weight" if meaning.args[6] else "conv_weight"
    if base in ("layer_norm", "group_norm", "rms_norm", "instance_norm", "batch_norm", "native_batch_norm"):
        where = 2 if base in ("layer_norm", "group_norm", "rms_norm") else 1
        if place in (where, where + 1):
            return "norm_weight" if place == where else "norm_bias"
    long = sum(size > 1 for size in shape)
    if base in ("mul", "div", "addcmul"):
        return "scale"
    if base in ("add", "sub", "addmm", "baddbmm") and long <= 1:
        return "bias"
    if base in ("embedding", "cat", "add", "index", "expand", "stack"):
        return "embedding"
    if long <= 1:
        return "bias" if len(shape) == 1 else "scale"
    return "matrix" if len(shape) == 2 else "tensor"


def _one(values: Any, default: int | None = None) -> int | None:
    """One number for all sides; None where they differ."""
    sides = set([values] if isinstance(values, int) else values) or ({default} if default is not None else set())
    return int(sides.pop()) if len(sides) == 1 else None


def _convolution(a: Mapping[str, Any], out: Tensor) -> Meaning:
    x, w, bias = a["input"], a["weight"], a["bias"]
    args = [x, w, bias, a["stride"], a["padding"], a["dilation"], a["transposed"], a["output_padding"], a["groups"]]
    macs = prod(x.shape if a["transposed"] else out.shape) * prod(w.shape[1:])
    made = Meaning("aten.convolution.default", args, macs=macs)
    sides = {key: _one(a[key]) for key in ("stride", "padding", "dilation")}
    if a["transposed"] or w.dim() != 4 or w.shape[2] != w.shape[3] or None in sides.values():
        return made
    made.op, made.reads, made.weights = "conv", [x], [p for p in (w, bias) if p is not None]
    shape = {"out": w.shape[0], "kernel": w.shape[2], "groups": a["groups"], "bias": int(bias is not None)}
    made.attrs = {**shape, **sides}
    return made


def _batch_norm(a: Mapping[str, Any], out: Any) -> Meaning:
    x: Any = a["input"]
    w, b, mean, var = (a.get(key) for key in ("weight", "bias", "running_mean", "running_var"))
    training = bool(a.get("training", False))
    args = [x, w, b, mean, var, training, a["momentum"], a["eps"], False]
    running = mean is not None and not training  # in another place than that of an operation: nothing switches it
    made = Meaning("ghn.batch_norm" if running else "aten.batch_norm.default", args, single=True)
    affine = [p for p in (w, b) if p is not None]
    if len(affine) != 1 and not (training and mean is not None):
        made.op, made.reads, made.weights, made.axes = "batch_norm", [x], affine, (2, 3, 4, 5)
        made.attrs, made.stats = {"eps": float(a["eps"]), "affine": int(bool(affine))}, [mean, var]
    return made


def _layer_norm(a: Mapping[str, Any], out: Any) -> Meaning:
    args = [a["input"], list(a["normalized_shape"]), a["weight"], a["bias"], a["eps"], False]
    return Meaning("aten.layer_norm.default", args, single=True)


def _group_norm(a: Mapping[str, Any], out: Any) -> Meaning:
    args = [a["input"], a["group"], a["weight"], a["bias"], a["eps"], False]
    return Meaning("aten.group_norm.default", args, single=True)


def _rms_norm(a: Mapping[str, Any], out: Any) -> Meaning:
    args = [a["input"], list(a["normalized_shape"]), a["weight"], a["eps"]]
    return Meaning("aten.rms_norm.default", args, single=True)


def _avg_pool(a: Mapping[str, Any], out: Tensor) -> Meaning | None:
    made = _pool("avg_pool", a)
    counts = a["padding"] and any(a["padding"]) and a["count_include_pad"]
    return None if made is None or counts or a["ceil_mode"] or a["divisor_override"] else made


def _max_pool(a: Mapping[str, Any], out: Any) -> Meaning:
    args = [a[key] for key in ("self", "kernel_size", "stride", "padding", "dilation", "ceil_mode")]
    plain = Meaning("aten.max_pool2d.default", args, single=True)
    made = _pool("max_pool", a)
    if made is None or a["ceil_mode"] or _one(a["dilation"], 1) != 1:
        return plain
    made.call, made.args, made.single = plain.call, plain.args, True
    return made


def _pool(op: str, a: Mapping[str, Any]) -> Meaning | None:
    kernel = _one(a["kernel_size"])
    attrs = {"kernel": kernel, "stride": _one(a["stride"], kernel), "padding": _one(a["padding"], 0)}
    if None in attrs.values():
        return None
    keys = ("self", "kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    args = [a[key] for key in keys if key in a]
    return Meaning("aten.avg_pool2d.default", args, op=op, reads=[a["self"]], attrs=attrs)


def _mean(a: Mapping[str, Any], out: Tensor) -> Meaning | None:
    x, axes = a["self"], a.get("dim")
    if x.dim() != 4 or axes is None or sorted(d % 4 for d in axes) != [2, 3] or a["dtype"] is not None:
        return None
    args = [x, list(axes), a["keepdim"]]
    return Meaning("aten.mean.dim", args, op=None if a["keepdim"] else "global_pool", reads=[x])


def _relu(a: Mapping[str, Any], out: Tensor) -> Meaning:
    x = a["self"]
    return Meaning("aten.relu.default", [x], op="relu", reads=[x], axes=(2, 3, 4, 5), merged=True)


def _add(a: Mapping[str, Any], out: Tensor) -> Meaning | None:
    x, y = a["self"], a["other"]
    if isinstance(y, int | float) and y == 0:  # where Python's own sum() starts
        return Meaning("aten.add.Tensor", [x, y], op="identity", reads=[x], axes=(2, 3, 4, 5), merged=True)
    if not isinstance(y, Tensor) or x.shape != y.shape or a["alpha"] != 1 or x.dtype != y.dtype:
        return None
    return Meaning("aten.add.Tensor", [x, y], op="sum", reads=[x, y], axes=(2, 3, 4, 5), merged=True)


def _cat(a: Mapping[str, Any], out: Tensor) -> Meaning | None:
    tensors, dim = list(a["tensors"]), a["dim"] or 0
    if tensors[0].dim() != 4 or dim % 4 != 1 or len({x.dtype for x in tensors}) != 1:
        return None
    return Meaning("aten.cat.default", [tensors, dim], op="concat", reads=tensors)


def _addmm(a: Mapping[str, Any], out: Tensor) -> Meaning | None:
    bias, x, w = a["self"], a["mat1"], a["mat2"]
    if a["beta"] != 1 or a["alpha"] != 1 or bias.dim() != 1:
        return None
    return _linear("aten.addmm.default", [bias, x, w], x, [w, bias])


def _mm(a: Mapping[str, Any], out: Tensor) -> Meaning:
    x, w = a["self"], a["mat2"]
    return _linear("aten.mm.default", [x, w], x, [w])


def _linear(call: str, args: Sequence[Any], x: Tensor, weights: Sequence[Tensor]) -> Meaning:
    attrs = {"out": weights[0].shape[1], "bias": len(weights) - 1}
    macs = prod(x.shape) * attrs["out"]
    made = Meaning(call, args, macs=macs, op="linear", reads=[x], weights=weights, attrs=attrs, axes=(2,))
    made.transposed = made.merged = True
    return made


def _view(a: Mapping[str, Any], out: Tensor) -> Meaning:
    """As a reshape: where the interpreter runs it, values may lie otherwise in memory."""
    return Meaning("aten.reshape.default", [a["self"], list(a["size"])])


def _softmax(a: Mapping[str, Any], out: Tensor) -> Meaning:
    return Meaning("aten.softmax.int", [a["self"], a["dim"]])


def _empty(a: Mapping[str, Any], out: Tensor) -> Meaning:
    """Nobody may read what is in it."""
    if "self" in a and "size" in a:
        return Meaning("aten.new_zeros.default", [a["self"], list(a["size"])], {"dtype": out.dtype})
    return Meaning("aten.zeros_like.default", [a["self"]], {"dtype": out.dtype})


_MEANINGS: Mapping[str, Callable[[Mapping[str, Any], Any], Meaning | None]] = {
    "convolution": _convolution,
    "native_batch_norm": _batch_norm,
    "_native_batch_norm_legit": _batch_norm,
    "_native_batch_norm_legit_no_training": _batch_norm,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "_fused_rms_norm": _rms_norm,
    "avg_pool2d": _avg_pool,
    "max_pool2d_with_indices": _max_pool,
    "mean": _mean,
    "relu": _relu,
    "add": _add,
    "cat": _cat,
    "new_empty": _empty,
    "empty_like": _empty,
    "addmm": _addmm,
    "mm": _mm,
    "_softmax": _softmax,
    "view": _view,
    "_unsafe_view": _view,
}
