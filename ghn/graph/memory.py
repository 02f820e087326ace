"""Parts of images and images side by side, whose gradients lie in memory as the images do.

A CPU computes on images pixel by pixel (`channels_last`). PyTorch's gradient of a part of an image lies channel by
channel, and that of one among several images side by side has gaps; what meets such a gradient, a normalisation's
backward pass or that of a ReLU, takes three to thirty times as long.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def part_of(image: Tensor, top: int = 0, left: int = 0, every: int = 1) -> Tensor:
    """Of images [b, c, h, w] every so many rows and columns from one on, a view; differentiable any number of times."""
    if _learns(image):
        seen: Tensor = _Part.apply(image, top, left, every)
        return seen
    return image[:, :, top::every, left::every]


def side_by_side(images: Sequence[Tensor]) -> Tensor:
    """Images [b, c_i, h, w] as one of all channels, or vectors as one; differentiable any number of times."""
    if any(map(_learns, images)):
        joined: Tensor = _SideBySide.apply(*images)
        return joined
    return torch.cat(tuple(images), 1)


def _learns(image: Tensor) -> bool:
    """Whether gradients are asked for of images, or parts of some, that lie pixel by pixel on a CPU."""
    by_pixel = image.dim() == 4 and image.stride(1) == 1 and image.device.type == "cpu"
    return by_pixel and image.requires_grad and torch.is_grad_enabled()


class _Part(torch.autograd.Function):
    @staticmethod
    def forward(image: Tensor, top: int, left: int, every: int) -> Tensor:
        return image[:, :, top::every, left::every]

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, int, int, int], output: Tensor) -> None:
        image, *ctx.where = inputs  # type: ignore[attr-defined]
        ctx.shape = image.shape  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, *grad: Tensor) -> tuple[Tensor, None, None, None]:
        top, left, every = ctx.where  # type: ignore[attr-defined]
        shape: torch.Size = ctx.shape  # type: ignore[attr-defined]
        whole = torch.empty(shape, dtype=grad[0].dtype, memory_format=torch.channels_last).zero_()
        whole[:, :, top::every, left::every] = grad[0]
        return whole, None, None, None


class _SideBySide(torch.autograd.Function):
    @staticmethod
    def forward(*images: Tensor) -> Tensor:
        return torch.cat(images, 1)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.channels = [image.shape[1] for image in inputs]  # type: ignore[attr-defined]

    @staticmethod
    def backward(ctx: FunctionCtx, *grad: Tensor) -> tuple[Tensor | None, ...]:
        parts = grad[0].split(ctx.channels, 1)  # type: ignore[attr-defined]
        asked = zip(parts, ctx.needs_input_grad, strict=True)  # type: ignore[attr-defined]
        return tuple(part.contiguous(memory_format=torch.channels_last) if own else None for part, own in asked)
