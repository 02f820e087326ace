"""Means and deviations by which inputs, and targets of regressions, are brought to one scale."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor


class Normalisation(NamedTuple):
    """Mean and standard deviation of each channel or feature, the second axis; bytes are scaled to [0, 1] before."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: UInt8[Tensor, "n c *rest"]) -> Normalisation:
        """Computes it from bytes, summing integers: the same numbers on every machine."""
        values = torch.arange(256, dtype=torch.float64) / 255
        mean, std = [], []
        for channel in images.cpu().unbind(1):
            weight = torch.bincount(channel.flatten(), minlength=256).double()
            centre = (weight * values).sum() / weight.sum()
            spread = ((weight * (values - centre) ** 2).sum() / weight.sum()).sqrt()
            mean.append(float(centre))
            std.append(float(spread) or 1.0)  # a constant channel is only centred
        return cls(tuple(mean), tuple(std))

    @classmethod
    def of_floats(cls, values: Float[Tensor, "n c *rest"]) -> Normalisation:
        """Computes it from numbers of any range; what is constant is only centred."""
        rows = values.cpu().double().transpose(0, 1).flatten(1)
        mean, std = rows.mean(1).tolist(), rows.std(1, correction=0).tolist()
        return cls(
            tuple(mean), tuple(s if s > 1e-12 * max(1.0, abs(m)) else 1.0 for m, s in zip(mean, std, strict=True))
        )

    def affine(self, values: Tensor) -> tuple[Float32[Tensor, "1 c *ones"], Float32[Tensor, "1 c *ones"]]:
        """Scale and offset that normalise values of this dtype and number of axes, on their device."""
        shape = (1, -1, *(1,) * (values.ndim - 2))
        mean, std = (torch.tensor(value, dtype=torch.float64).view(shape) for value in self)
        unit = 255 if values.dtype == torch.uint8 else 1
        return (1 / (unit * std)).float().to(values.device), (-mean / std).float().to(values.device)

    def describe(self) -> dict[str, Any]:
        return {"mean": list(self.mean), "std": list(self.std)}


def check_moments(mean: Sequence[Any], std: Sequence[Any]) -> None:
    """Raises TypeError, OverflowError or ValueError for a mean and a deviation, from a file, that normalise nothing."""
    numbers = [float(value) for value in (*mean, *std)]
    if len(mean) != len(std):
        raise ValueError(f"means and deviations are not as many: {mean}, {std}")
    if not all(map(isfinite, numbers)) or min(numbers[len(mean) :], default=1.0) <= 0:
        raise ValueError(f"means and deviations are no finite numbers, the latter above 0: {mean}, {std}")


def bytes_of_one(values: Tensor) -> Normalisation | None:
    """Of bytes that which scales them to [0, 1] and no more; None for what is seen as it is."""
    if values.dtype != torch.uint8 or values.ndim < 2:
        return None
    return Normalisation((0.0,) * values.shape[1], (1.0,) * values.shape[1])


def normalisation_of(values: Tensor) -> Normalisation | None:
    """That of bytes or floats; None for whole numbers, which are tokens, and for items of single numbers."""
    if values.ndim < 2:
        return None
    if values.dtype == torch.uint8:
        return Normalisation.of(values)
    return Normalisation.of_floats(values) if values.dtype.is_floating_point else None
