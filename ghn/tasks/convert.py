"""Users' images and labels, in whatever form they come, as bytes and whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ghn.errors import DataError
from ghn.tasks.store import Pool

ArrayLike = Tensor | np.ndarray | list[Any]


def as_pool(images: ArrayLike, labels: ArrayLike, where: str) -> Pool:
    """Converts images to uint8 `[n c h w]` and labels to int64 `[n]`, both on the CPU.

    Args:
        images: `[n c h w]`, uint8 or float in [0, 1].
        labels: `[n]`, whole numbers.
        where: what is converted, for messages.

    Raises:
        DataError: another shape or dtype, or float values out of range.
    """
    x, y = torch.as_tensor(images).cpu(), torch.as_tensor(labels).cpu()
    if x.ndim != 4:
        hint = "add the channel axis: images[:, None]" if x.ndim == 3 else None
        raise DataError(f"{where}: wrong shape of images", got=tuple(x.shape), expected="[n c h w]", fix=hint)
    if y.dtype.is_floating_point or y.dtype.is_complex or y.dtype == torch.bool or y.shape != (len(x),):
        raise DataError(
            f"{where}: wrong labels",
            got=f"{y.dtype} of shape {tuple(y.shape)}",
            expected=f"whole numbers of shape ({len(x)},), one label an image",
        )
    if x.numel() == 0:
        raise DataError(f"{where}: no images", got=f"shape {tuple(x.shape)}", expected="at least one image")
    return as_bytes(x, where), y.to(torch.int64)


def as_bytes(images: Tensor, where: str) -> UInt8[Tensor, "..."]:
    """Converts uint8 or float in [0, 1] to uint8, of any shape.

    Raises:
        DataError: another dtype, or values out of range.
    """
    if images.dtype == torch.uint8:
        return images
    if not images.dtype.is_floating_point:
        raise DataError(f"{where}: wrong dtype of images", got=images.dtype, expected="uint8, or float in [0, 1]")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{where}: float images are out of range",
            got=f"values from {low:.4g} to {high:.4g}",
            expected="values from 0 to 1 (or uint8 from 0 to 255), not yet normalised",
            fix="leave the normalisation to the task, which computes it from the train split",
        )
    return (images * 255).round().to(torch.uint8)
