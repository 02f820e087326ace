"""Makes decoder outputs fit a parameter: crop, tile, normalise."""

from __future__ import annotations

from math import ceil, prod

import torch
from torch import Tensor

from ghn.graph.op import Shape


def crop(size: int, tile: int) -> slice:
    """The part of a tile's axis that is needed for a parameter's axis of this size."""
    return slice(0, min(size, tile))


def centre(size: int, full: int) -> slice:
    """The middle of a kernel axis: a 1x1 kernel is the centre of a 3x3 one.

    Raises:
        ValueError: the kernel is larger than what the decoder makes.
    """
    if size > full:
        raise ValueError(f"kernel size {size} is larger than the decoder's {full}")
    start = (full - size) // 2
    return slice(start, start + size)


def tile_to(x: Tensor, shape: Shape) -> Tensor:
    """Repeats the axes of `x` [m, ...] after the first until they reach `shape`, and cuts off what is too much."""
    if tuple(x.shape[1:]) == tuple(shape):
        return x
    repeats = [ceil(want / have) for want, have in zip(shape, x.shape[1:], strict=True)]
    return x.repeat(1, *repeats)[(slice(None), *(slice(0, s) for s in shape))]


def normalise(x: Tensor, kind: str, gain: float) -> Tensor:
    """Brings decoder outputs `x` [m, *shape] of about unit variance to the scale of their kind.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4.2 and appendix: sqrt(gain / fan_in) for weights, 2 sigmoid(p / 2) for
    the weight of a normalisation, tanh(0.2 p) for a bias.
    """
    if kind == "norm_weight":
        return 2 * torch.sigmoid(0.5 * x)
    if kind.endswith("bias"):
        return torch.tanh(0.2 * x)
    return x * (gain / prod(x.shape[2:])) ** 0.5
