"""Operations that are calls of PyTorch: what users' modules do beyond the operations of `ghn.graph.ops`.

Their names are those of PyTorch's own (ATen) operators, such as `aten.gelu.default`, or of any library's, such as
`torchvision.deform_conv2d.default`. A node of one holds all that it was called with in one attribute, `call`: a JSON
text in which {"x": i} is input i of the node, {"w": i} its parameter i, {"b": k} a size of k batches, {"dtype": name} a
type of numbers, and everything else stands for itself. `KNOWN` can be run by the interpreter: they are deterministic,
change nothing in place, and open or allocate nothing beyond their output. All others are seen: a name, shapes, edges.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.op import OTHERS, Attrs, Op, Shape, Stats
from ghn.reading import from_json, reading

_FORM = re.compile(r"[A-Za-z_]\w*(\.\w+)+")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# non-linearities -> 1 / E[f(x)^2] of a standard normal x: what a weight that reads one makes up for, as 2 is of ReLU.
# Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, sec. 2.2; the integrals by numpy.polynomial.hermite_e
ACTIVATIONS = {
    "celu": 1.55,
    "elu": 1.55,
    "gelu": 2.35,
    "hardsigmoid": 3.60,
    "hardswish": 3.01,
    "hardtanh": 2.0,  # of ReLU6, its most common use
    "leaky_relu": 2.0,
    "log_sigmoid": 1.09,
    "mish": 2.21,
    "relu6": 2.0,
    "prelu": 2.0,
    "_prelu_kernel": 2.0,  # what capturing makes of it
    "selu": 1.0,
    "sigmoid": 3.41,
    "silu": 2.81,
    "softplus": 1.09,
    "tanh": 2.54,
    "relu": 2.0,
}
_DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.complex64, torch.complex128),
        *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
    )
}
_NORMALISATIONS = {"batch_norm", "group_norm", "instance_norm", "layer_norm", "rms_norm"}
_POOLS = {f"{kind}_pool{d}d" for kind in ("avg", "max", "adaptive_avg", "adaptive_max", "lp") for d in (1, 2, 3)} | {
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
}
_MIXES = {"convolution", "linear", "bilinear"}  # weights that are synapses
_RECURRENT = frozenset(("lstm", "gru", "rnn_tanh", "rnn_relu"))
_ARITHMETIC = _names(
    """
    abs add addcdiv addcmul addmm amax amin argmax argmin baddbmm bitwise_and bitwise_not bitwise_or bmm ceil clamp
    clamp_max clamp_min cos cosh cumprod cumsum div dot eq erf exp expm1 floor fmod full_like ge glu gt le
    linalg_vector_norm log log1p log2 log10 logical_and logical_not logical_or new_full new_ones new_zeros
    logsumexp lt matmul max maximum mean min minimum mm mul mv ne neg norm ones_like pow prod reciprocal
    remainder round rsqrt rsub scaled_dot_product_attention sign sin sinh softmax _safe_softmax _log_softmax
    sqrt square std sub sum tan topk true_divide var var_mean where xlogy zeros_like outer einsum cross cdist
    _euclidean_dist _prelu_kernel _trilinear grid_sampler_2d affine_grid_generator
    """
)
_SHAPES = _names(
    """
    _reshape_alias _to_copy alias broadcast_to cat channel_shuffle chunk clone col2im complex copy constant_pad_nd
    contiguous detach diagonal embedding expand expand_as fill flatten flip gather getitem im2col index index_add
    index_put index_select masked_fill movedim narrow native_channel_shuffle permute pixel_shuffle pixel_unshuffle
    reflection_pad1d reflection_pad2d repeat repeat_interleave replication_pad1d replication_pad2d reshape roll
    scatter scatter_add select select_scatter slice slice_scatter split split_with_sizes squeeze stack swapaxes t
    tile to transpose tril triu unbind unflatten unfold unsafe_split unsqueeze view upsample_bicubic2d
    upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d upsample_nearest3d
    upsample_trilinear3d _upsample_bicubic2d_aa _upsample_bilinear2d_aa zero
    """
)
KNOWN = frozenset({*ACTIVATIONS, *_NORMALISATIONS, *_POOLS, *_MIXES, *_RECURRENT, *_ARITHMETIC, *_SHAPES})

# of their output's values each is one of the input's: parameters are looked at through them
VIEWS = _names(
    """
    _reshape_alias _to_copy _unsafe_view alias broadcast_to clone contiguous detach expand expand_as flatten narrow
    permute repeat reshape select slice squeeze t tile to transpose unflatten unsqueeze view
    """
)

OUTPUTS = "ghn.outputs"  # several, or one that something holds, as a tuple


def call_op(name: str) -> Op | None:
    """What is known of a call of PyTorch; None for what is no name of one."""
    if not _FORM.fullmatch(name):
        return None
    space, base, *overload = name.split(".")
    if name == OUTPUTS:
        return Op(name, (1, None), {}, None, _tuple)
    known = space == "aten" and base in KNOWN
    return Op(
        name,
        (0, None),
        {},
        None,
        _runner(base, overload) if known else _unknown(name),
        macs=_macs,
        label=_label(base),
        mixes=known and base in _MIXES,
        normalises=known and base in _NORMALISATIONS,
        activates=known and base in ACTIVATIONS,
        pools=known and base in _POOLS,
        gain=ACTIVATIONS.get(base, 1.0) if known else 1.0,
        runs=known,
    )


OTHERS.append(call_op)


def write_call(args: Sequence[Any], kwargs: Mapping[str, Any], encode: Callable[[Any], Any]) -> str:
    """The text of what an operator was called with; `encode` says what of it stands for a value of the graph."""

    def write(value: Any) -> Any:
        if (coded := encode(value)) is not None:
            return coded
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list | tuple):
            return [write(one) for one in value]
        if isinstance(value, torch.dtype):
            return {"dtype": str(value).removeprefix("torch.")}
        return {"other": type(value).__name__}  # seen, and never run

    # where a tensor lies, and in which order of its axes, changes no value
    dropped = ("device", "layout", "memory_format", "pin_memory", "non_blocking")
    named = {key: write(value) for key, value in kwargs.items() if key not in dropped}
    return json.dumps([[write(value) for value in args], named], separators=(",", ":"))


@lru_cache(maxsize=1 << 14)
def _read_call(text: str) -> tuple[Any, Any]:
    with reading("a call in a graph cannot be read", error=GraphError):
        args, kwargs = from_json(text)
    return args, kwargs


def _bind(value: Any, x: Sequence[Any], w: Sequence[Tensor], batch: int) -> Any:
    if isinstance(value, list):
        return [_bind(one, x, w, batch) for one in value]
    if not isinstance(value, dict):
        return value
    ((mark, what),) = value.items()
    if mark == "x":
        return x[what]
    if mark == "w":
        return w[what]
    if mark == "other":
        raise GraphError("a call with this argument can be seen, but not run", got=what)
    return what * batch if mark == "b" else _DTYPES[what]


def _runner(base: str, overload: Sequence[str]) -> Callable[..., Any]:
    function: Any = None  # found when it is run first: graphs are read without it

    def run(x: Sequence[Any], w: Sequence[Tensor], a: Attrs, _stats: Stats | None) -> Any:
        nonlocal function
        args, kwargs = _read_call(a["call"])
        args = _bind(args, x, w, a["batch"])
        if base == "getitem":
            return args[0][args[1]]
        if function is None:
            function = getattr(getattr(torch.ops.aten, base), *(overload or ["default"]))
        return function(*args, **{key: _bind(value, x, w, a["batch"]) for key, value in kwargs.items()})

    return run


def _unknown(name: str) -> Callable[..., Any]:
    def run(*_: Any) -> Any:
        raise GraphError("this operation can be seen, but not run", got=name)

    return run


def _tuple(x: Sequence[Any], *_: Any) -> Any:
    return tuple(x)


def _macs(_inputs: Sequence[Shape], _output: Shape, attrs: Attrs) -> int:
    """As they were counted when it was called: of convolutions and linear layers alone."""
    return int(attrs.get("macs", 0))


def _label(base: str) -> Callable[[Attrs, Shape], str]:
    quiet = base in VIEWS or base in ACTIVATIONS or base in _NORMALISATIONS or base == "getitem"
    return lambda attrs, output: "" if quiet else base.strip("_").replace("_", " ")
