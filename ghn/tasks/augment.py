"""Random flips and shifts for training batches, on the batch's own device and from an explicit generator."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float32
from torch import Tensor
from torch.nn import functional

from ghn.errors import ConfigError


def augment(
    images: Float32[Tensor, "b c h w"], generator: torch.Generator, pad: int = 2, flip: bool = True
) -> Float32[Tensor, "b c h w"]:
    """Shifts each image by up to `pad` pixels each way and flips half of them left to right.

    All chance comes from the generator, so a run that stores and restores its state goes on exactly.

    Args:
        images: a normalised batch, `[b c h w]`; what shifts in is 0, the mean of the train split.
        generator: best on the images' own device, so that nothing is copied; a CPU generator works for any
            device and then gives the same draws on each.
        pad: the largest shift in pixels; 0 does not shift.
        flip: whether to flip.

    Returns:
        A new batch of the same shape.

    Raises:
        ConfigError: `pad` is negative.
    """
    if pad < 0:
        raise ConfigError("bad pad of the augmentation", got=pad, expected="0 or a positive number of pixels")
    b, _, h, w = images.shape
    shifts = _draw(torch.randint(2 * pad + 1, (2, b), generator=generator, device=generator.device), images)
    flips = _draw(torch.rand(b, generator=generator, device=generator.device) < 0.5, images)
    rows = shifts[0, :, None] + torch.arange(h, device=images.device)
    columns = shifts[1, :, None] + torch.arange(w, device=images.device)
    if flip:
        columns = torch.where(flips[:, None], columns.flip(1), columns)
    padded = rearrange(functional.pad(images, [pad] * 4), "b c h w -> b h w c")
    which = torch.arange(b, device=images.device)[:, None, None]
    return rearrange(padded[which, rows[:, :, None], columns[:, None, :]], "b h w c -> b c h w").contiguous()


def _draw(values: Tensor, images: Tensor) -> Tensor:
    return values.to(images.device, non_blocking=True)
