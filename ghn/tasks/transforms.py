"""Sizes of images, the one road from a source's resolution to a task's, and random flips and shifts of batches."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float32, UInt8
from torch import Tensor
from torch.nn import functional

from ghn.errors import ConfigError
from ghn.extras import need

_CHUNK = 4096  # images at a time, so that the wide integers of the sum never hold a whole dataset


def augment(
    images: Float32[Tensor, "b c h w"], generator: torch.Generator, pad: int = 2, flip: bool = True
) -> Float32[Tensor, "b c h w"]:
    """Shifts each image by up to `pad` pixels each way and flips half of them left to right.

    The images are normalised: what shifts in is 0, the mean of the train split. All chance comes from the generator, so
    a run that stores and restores its state goes on exactly. It is best on the images' own device, so that nothing is
    copied; a CPU generator works for any device and then gives the same draws on each.
    """
    b, _, h, w = images.shape
    if not 0 <= pad < min(h, w):
        expected = f"0 to {min(h, w) - 1} pixels, for images of {h}x{w}"
        raise ConfigError("bad pad of the augmentation: what is shifted stays in sight", got=pad, expected=expected)
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


def as_size(size: int | tuple[int, int] | list[int]) -> tuple[int, int]:
    """Reads an image size given as one number or as (height, width), in pixels."""
    pair = (size, size) if isinstance(size, int) else tuple(size)
    if len(pair) != 2 or not all(isinstance(side, int) and side > 0 for side in pair):
        raise ConfigError("bad image size", got=size, expected="a positive integer, or a pair (height, width)")
    return pair[0], pair[1]


def resize(images: UInt8[Tensor, "n c h w"], size: int | tuple[int, int]) -> UInt8[Tensor, "n c h2 w2"]:
    """Resizes images; deterministic, so that the same picture always has the same bytes.

    A size that divides the source's is the mean over equal rectangles in integer arithmetic, halves rounded
    up (2x2 blocks for 32 -> 16); any other size is torchvision's antialiased bilinear resize. Images that have
    that size already are returned as they are.
    """
    height, width = as_size(size)
    h, w = images.shape[-2:]
    if (h, w) == (height, width):
        return images
    exact = h % height == 0 and w % width == 0
    shrink = _area_mean if exact else _antialiased
    return torch.cat([shrink(chunk, height, width) for chunk in images.split(_CHUNK)])


def _area_mean(images: UInt8[Tensor, "n c h w"], height: int, width: int) -> UInt8[Tensor, "n c h2 w2"]:
    """The mean over rectangles, in integers: exact on every machine, unlike a mean of floats."""
    rows, columns = images.shape[-2] // height, images.shape[-1] // width
    area = rows * columns
    tall = torch.full_like(images[..., ::rows, :], 0, dtype=torch.int32)
    for row in range(rows):  # rows first: their memory is contiguous, and they leave less to the strided columns
        tall += images[..., row::rows, :]
    sums = torch.full_like(tall[..., ::columns], area // 2)
    for column in range(columns):
        sums += tall[..., column::columns]
    return (sums // area).to(torch.uint8)


def _antialiased(images: UInt8[Tensor, "n c h w"], height: int, width: int) -> UInt8[Tensor, "n c h2 w2"]:
    transforms = need("torchvision.transforms.v2.functional", "vision", "resizing an image by other than whole numbers")
    resized: Tensor = transforms.resize(images, [height, width], antialias=True)
    return resized
