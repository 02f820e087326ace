"""What is known of an operation, and the registry of all of them (`ghn.graph.ops`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any, NamedTuple

from torch import Tensor, nn

from ghn.errors import GraphError

Shape = tuple[int, ...]  # without the batch axis: (c, h, w) or (k,)
Attrs = Mapping[str, int]
ParamSpec = tuple[str, Shape, str]  # suffix, shape, kind


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter that a node needs: full name, shape, and the kind that picks its decoder head."""

    name: str
    shape: Shape
    kind: str


@dataclass(frozen=True, slots=True)
class Stats:
    """Running statistics of one normalisation node, updated in place while training."""

    mean: Tensor
    var: Tensor
    training: bool
    momentum: float = 0.1


class Unsupported(GraphError):
    """A layer or call of PyTorch, or one of its settings, that no operation means."""


def refuse(wrong: object, what: str) -> None:
    """Raises `Unsupported` for something wrong."""
    if wrong:
        raise Unsupported(what)


class Translation(NamedTuple):
    """What a layer or call of PyTorch says to the operation that it means."""

    inputs: tuple[Any, ...] = ()  # the values that a call reads
    attrs: Mapping[str, int] = {}
    weights: Mapping[str, Tensor] = {}  # parameters by their suffix
    stats: Mapping[str, Tensor] = {}  # running statistics by their suffix


def layer_of(call: Callable[..., Translation]) -> Callable[[nn.Module], Translation]:
    """The translator of a layer whose attributes are named as the arguments of its function, after the input."""
    names = list(signature(call).parameters)[1:]
    return lambda layer: call(None, **{name: getattr(layer, name) for name in names})


def _no_params(_shapes: Sequence[Shape], _attrs: Attrs) -> tuple[ParamSpec, ...]:
    return ()


def _no_macs(_inputs: Sequence[Shape], _output: Shape, _attrs: Attrs) -> int:
    return 0


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """Everything that is known about an operation."""

    name: str  # its key in the registry
    arity: tuple[int, int | None]  # least and greatest number of inputs; None for no upper bound
    attrs: Mapping[str, int | None]  # all whole numbers, with their defaults; None means that a value must be given
    infer: Callable[[Sequence[Shape], Attrs], Shape]  # output shape; raises `GraphError` for shapes that do not fit
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
    # the layers of PyTorch, and its functions and the names of its methods, that mean this operation; the latter with
    # the signature of what they translate, so that arguments are bound as PyTorch binds them
    layers: Mapping[type[nn.Module], Callable[[Any], Translation]] = field(default_factory=dict)
    calls: Mapping[Any, Callable[..., Translation]] = field(default_factory=dict)

    @property
    def convolves(self) -> bool:
        """Whether it is a convolution."""
        return self.mixes and "kernel" in self.attrs


OPS: dict[str, Op] = {}


def register(op: Op) -> Op:
    """Adds an operation to the registry; a name can be taken once."""
    if op.name in OPS:
        raise GraphError(f"an operation named {op.name!r} is registered already")
    OPS[op.name] = op
    return op


def get_op(name: str) -> Op:
    """Looks an operation up; `GraphError` where there is none of this name."""
    try:
        return OPS[name]
    except KeyError:
        known = "one of " + ", ".join(sorted(OPS))
        raise GraphError("unknown operation", got=name, expected=known, fix="register it in ghn.graph.ops") from None
