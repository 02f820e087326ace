"""What is known of an operation, and the registry of all of them (`ghn.graph.ops`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch import Tensor

from ghn.display import brief
from ghn.errors import GraphError

Shape = tuple[int, ...]  # without the batch axis: (c, h, w) or (k,)
Attr = int | float | str
Attrs = Mapping[str, Any]  # of `Attr`
ParamSpec = tuple[str, Shape, str]  # suffix, shape, kind


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter that a node needs: full name, shape, and the kind that picks its decoder head."""

    name: str
    shape: Shape
    kind: str


@brief
@dataclass(frozen=True, slots=True)
class Stats:
    """Running statistics of one normalisation node, updated in place while training."""

    mean: Tensor
    var: Tensor
    training: bool
    momentum: float = 0.1


def _no_params(_shapes: Sequence[Shape], _attrs: Attrs) -> tuple[ParamSpec, ...]:
    return ()


def _no_macs(_inputs: Sequence[Shape], _output: Shape, _attrs: Attrs) -> int:
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """Everything that is known about an operation."""

    name: str  # its key in the registry
    arity: tuple[int, int | None]  # least and greatest number of inputs; None for no upper bound
    # with their defaults, whose type is that of all values; None means that a whole number must be given
    attrs: Mapping[str, Attr | None]
    # output shape, or a `GraphError` for shapes that do not fit; None where nothing tells it: a node says it itself
    infer: Callable[[Sequence[Shape], Attrs], Shape] | None
    # (inputs, weights in the order of `params`, attrs, running statistics or None) -> output
    run: Callable[[Sequence[Tensor], Sequence[Tensor], Attrs, Stats | None], Tensor]
    params: Callable[[Sequence[Shape], Attrs], tuple[ParamSpec, ...]] = _no_params  # of (input shapes, attrs)
    # (input shapes, output shape, attrs) -> multiply-adds an image; by everyone's count only convolutions and linear
    # layers have any
    macs: Callable[[Sequence[Shape], Shape, Attrs], int] = _no_macs
    commutative: bool = False  # whether the order of the inputs does not matter
    has_stats: bool = False  # whether it keeps running statistics when trained by SGD
    # (attrs, output shape) -> what pictures call it, "" for what they pass over; None: its name
    label: Callable[[Attrs, Shape], str] | None = None
    # whether it weights and adds channels, by a parameter `weight` (out, in, ...) and an attribute `out`: a convolution
    # or a linear layer, whose weights are synapses
    mixes: bool = False
    # whether morphisms may copy and drop its channels one by one: each comes from the same channel of its inputs alone,
    # by that channel's parameters, if any
    channelwise: bool = False
    normalises: bool = False  # whether it takes mean and variance out
    activates: bool = False  # whether it is a non-linearity
    pools: bool = False  # whether it pools windows
    flattens: bool = False  # whether it makes a vector of an image
    adds: bool = False  # whether its value is the sum of its inputs; of a single one: an identity
    joins: bool = False  # whether it puts the channels of its inputs side by side
    cuts: bool = False  # whether its value is zero, whatever it reads
    gain: float = 1.0  # by how much it lessens second moments, which the weights that read it make up for
    convolves: bool = False  # whether it is a convolution of one kernel size for both sides, an attribute `kernel`
    runs: bool = True  # whether the interpreter can run it; what it cannot is seen, and a user's module runs it

    def __reduce__(self) -> Any:
        """Copied and sent by its name: every process has its own registry."""
        return get_op, (self.name,)


OPS: dict[str, Op] = {}
OTHERS: list[Callable[[str], Op | None]] = []  # know of operations by the form of their names, such as PyTorch's calls


def register(op: Op) -> Op:
    """Adds an operation to the registry; a name can be taken once."""
    if op.name in OPS:
        raise GraphError(f"an operation named {op.name!r} is registered already")
    OPS[op.name] = op
    return op


def get_op(name: str) -> Op:
    """Looks an operation up; `GraphError` where there is none of this name."""
    if (op := OPS.get(name) or _other(name)) is None:
        known = "one of " + ", ".join(sorted(OPS)) + ", or a call of PyTorch such as aten.gelu.default"
        raise GraphError("unknown operation", got=name, expected=known, fix="register it in ghn.graph.ops")
    return op


@lru_cache(maxsize=4096)
def _other(name: str) -> Op | None:
    return next((op for know in OTHERS if (op := know(name)) is not None), None)
