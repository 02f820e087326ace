"""Kinds of parameters: the head that makes one, the scale that it is brought to, and where random training starts.

The kind of a parameter stands in its `Param`. To add one, `register_kind` it. One that is not registered is made by no
hypernetwork: the user's module keeps its own values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from ghn.errors import ConfigError
from ghn.graph.op import Shape
from ghn.nets.heads import EmbeddingHead, Flattened, LowRankHead, MatrixHead, VectorHead

# what the first hypernetworks made, in the order of their heads; a checkpoint that does not say has these
BASE_KINDS = ("conv_weight", "linear_weight", "linear_bias", "norm_weight", "norm_bias", "bias")
CLASS_HEAD = ("linear_weight", "linear_bias")  # their first axis is that of the classes
EMBEDDING_STD = 0.02  # Source: Dosovitskiy et al. 2021 (ViT), in its code: position embeddings at the start


@dataclass(frozen=True, slots=True)
class Sizes:
    """What heads are made from: see `GHNConfig`."""

    embedding: int
    hidden: int
    mix: int
    channels: int
    classes: int
    kernel: int
    rank: int | None  # of low-rank weights; None: they are tiled


@dataclass(frozen=True, slots=True)
class Kind:
    """All that is known of a kind of parameters.

    Attributes:
        name: a word, such as `conv_weight`.
        head: makes the module that makes such parameters: called with node vectors [m, d] and a shape, it gives
            [m, *shape] of about unit variance; None for a kind that no hypernetwork makes.
        scale: brings them to their scale, given the gain of what their node reads.
        start: where a random initialisation puts all of them; or the standard deviation that it draws a shape with.
    """

    name: str
    head: Callable[[Sizes], nn.Module] | None
    scale: Callable[[Tensor, float], Tensor]
    start: float | Callable[[Shape], float]


PARAMETER_KINDS: dict[str, Kind] = {}


def register_kind(kind: Kind) -> Kind:
    """Adds a kind; a name can be taken once."""
    if kind.name in PARAMETER_KINDS or not kind.name.isidentifier():
        expected = f"a word beside {', '.join(PARAMETER_KINDS)}"
        raise ConfigError("a kind of parameters needs a name of its own", got=kind.name, expected=expected)
    PARAMETER_KINDS[kind.name] = kind
    return kind


def check_kinds(kinds: Sequence[str]) -> None:
    """Raises `ConfigError` for a kind that nothing is known of, or that has no head."""
    if unknown := [name for name in kinds if name not in PARAMETER_KINDS or PARAMETER_KINDS[name].head is None]:
        raise ConfigError(
            "there is no head for these kinds of parameters",
            got=unknown,
            expected=[name for name, kind in PARAMETER_KINDS.items() if kind.head],
            fix="register them first: ghn.nets.register_kind",
        )


def makeable(kinds: set[str]) -> set[str]:
    """Those of some kinds that have a head."""
    return {name for name in kinds if name in PARAMETER_KINDS and PARAMETER_KINDS[name].head}


def not_meant_to_be_kept(kinds: set[str]) -> set[str]:
    """Of kinds that a hypernetwork leaves out those that another would make: all but such as scalars."""
    return {kind for kind in kinds if kind not in PARAMETER_KINDS or PARAMETER_KINDS[kind].head}


def normalise(x: Tensor, kind: str, gain: float) -> Tensor:
    """Brings decoder outputs `x` [m, *shape] of about unit variance to the scale of their kind.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4.2 and appendix: sqrt(gain / fan_in) for weights, 2 sigmoid(p / 2) for
    the weight of a normalisation, tanh(0.2 p) for a bias.
    """
    return PARAMETER_KINDS[kind].scale(x, gain)


def initial_of(kind: str) -> float | Callable[[Shape], float]:
    """The `start` of a kind; those that are not registered are biases, by their name, or weights."""
    if kind in PARAMETER_KINDS:
        return PARAMETER_KINDS[kind].start
    return 0.0 if kind.endswith("bias") else _glorot


# --- scales of what heads make, and of random values -----------------------------------------------------------------


def _by_fan_in(x: Tensor, gain: float) -> Tensor:
    return x * (gain / prod(x.shape[2:])) ** 0.5


def _by_fan_in_transposed(x: Tensor, gain: float) -> Tensor:
    """Of (in, out / groups, ...): every input channel reaches an output pixel by all of its kernel."""
    return x * (gain / (x.shape[1] * prod(x.shape[3:]))) ** 0.5


def _around_one(x: Tensor, _gain: float) -> Tensor:
    return 2 * torch.sigmoid(0.5 * x)


def _around_zero(x: Tensor, _gain: float) -> Tensor:
    return torch.tanh(0.2 * x)


def _small(x: Tensor, _gain: float) -> Tensor:
    return x * EMBEDDING_STD


def _he(shape: Shape) -> float:
    return (2.0 / prod(shape[1:])) ** 0.5


def _he_transposed(shape: Shape) -> float:
    return (2.0 / (shape[0] * prod(shape[2:]))) ** 0.5


def _glorot(shape: Shape) -> float:
    return (1.0 / prod(shape[1:])) ** 0.5


# --- all of them -----------------------------------------------------------------------------------------------------


def _weights(s: Sizes, rows: int, kernel: int) -> nn.Module:
    if s.rank is None:
        return MatrixHead(s.embedding, s.hidden, (rows, s.channels), kernel, s.mix)
    return LowRankHead(s.embedding, s.hidden, s.mix, s.rank, max(rows, s.channels) * kernel)


def _vector(s: Sizes, tile: int) -> nn.Module:
    return VectorHead(s.embedding, s.hidden if s.rank is None else s.rank, tile)


def _kernels(s: Sizes) -> nn.Module:
    return _weights(s, s.channels, s.kernel)


def _matrix(s: Sizes) -> nn.Module:
    return _weights(s, s.channels, 1)


def _channels(s: Sizes) -> nn.Module:
    return _vector(s, s.channels)


for _kind in (
    Kind("conv_weight", _kernels, _by_fan_in, _he),
    Kind("linear_weight", lambda s: _weights(s, s.classes, 1), _by_fan_in, _glorot),
    Kind("linear_bias", lambda s: _vector(s, s.classes), _around_zero, 0.0),
    Kind("norm_weight", _channels, _around_one, 1.0),
    Kind("norm_bias", _channels, _around_zero, 0.0),
    Kind("bias", _channels, _around_zero, 0.0),
    Kind("transposed_weight", _kernels, _by_fan_in_transposed, _he_transposed),
    Kind("matrix", _matrix, _by_fan_in, _glorot),
    Kind("scale", _channels, _around_one, 1.0),
    Kind(
        "embedding",
        lambda s: EmbeddingHead(s.embedding, s.hidden, s.channels),
        _small,
        lambda shape: EMBEDDING_STD,
    ),
    Kind("tensor", lambda s: Flattened(_matrix(s)), _by_fan_in, _glorot),
    Kind("scalar", None, _around_one, 1.0),  # a module's own value is kept
):
    register_kind(_kind)
