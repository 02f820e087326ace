"""What is known of an operation, and the registry of all of them (`ghn.graph.ops`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ghn.errors import GraphError

Shape = tuple[int, ...]  # without the batch axis: (c, h, w) or (k,)
Attrs = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter that a node needs: full name, shape, and the kind that picks its decoder head."""

    name: str
    shape: Shape
    kind: str


ParamSpec = tuple[str, Shape, str]  # suffix, shape, kind


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
    """Everything that is known about an operation.

    Attributes:
        name: its key in the registry.
        arity: least and greatest number of inputs; None for no upper bound.
        attrs: attributes, all whole numbers, with their defaults; None means that a value must be given.
        infer: (input shapes, attrs) -> output shape; raises `GraphError` for shapes that do not fit.
        run: (inputs, weights in the order of `params`, attrs, running statistics or None) -> output.
        params: (input shapes, attrs) -> suffix, shape and kind of each parameter.
        macs: (input shapes, output shape, attrs) -> multiply-adds an image: of convolutions and linear layers; by
            everyone's count, all else has none.
        commutative: whether the order of the inputs does not matter.
        has_stats: whether it keeps running statistics when trained by SGD.
        mixes: whether it weights and adds channels, by a parameter `weight` (out, in, ...) and an attribute `out`: a
            convolution or a linear layer, whose weights are synapses.
        channelwise: whether morphisms may copy and drop its channels one by one: each comes from the same channel of
            its inputs alone, by that channel's parameters, if any.
        normalises: whether it takes mean and variance out.
        activates: whether it is a non-linearity.
        pools: whether it pools windows.
        flattens: whether it makes a vector of an image.
        adds: whether its value is the sum of its inputs; of a single one: an identity.
        joins: whether it puts the channels of its inputs side by side.
        cuts: whether its value is zero, whatever it reads.
        gain: by how much it lessens second moments, which the weights that read it make up for.
        label: (attrs, output shape) -> what pictures call it, "" for what they pass over; None: its name.
    """

    name: str
    arity: tuple[int, int | None]
    attrs: Mapping[str, int | None]
    infer: Callable[[Sequence[Shape], Attrs], Shape]
    run: Callable[[Sequence[Tensor], Sequence[Tensor], Attrs, Stats | None], Tensor]
    params: Callable[[Sequence[Shape], Attrs], tuple[ParamSpec, ...]] = _no_params
    macs: Callable[[Sequence[Shape], Shape, Attrs], int] = _no_macs
    commutative: bool = False
    has_stats: bool = False
    label: Callable[[Attrs, Shape], str] | None = None
    mixes: bool = False
    channelwise: bool = False
    normalises: bool = False
    activates: bool = False
    pools: bool = False
    flattens: bool = False
    adds: bool = False
    joins: bool = False
    cuts: bool = False
    gain: float = 1.0

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
    """Looks an operation up.

    Raises:
        GraphError: no operation has this name.
    """
    try:
        return OPS[name]
    except KeyError:
        raise GraphError(
            "unknown operation",
            got=name,
            expected="one of " + ", ".join(sorted(OPS)),
            fix="register it in ghn.graph.ops",
        ) from None
