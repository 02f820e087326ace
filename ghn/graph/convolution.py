"""How a convolution is computed: the same numbers by the road that PyTorch takes fastest.

oneDNN, which PyTorch computes with on a CPU, has fast code for plain convolutions and for their gradients; of a dilated
depthwise one the gradients take ten to forty times as long as of a plain one.
"""

from __future__ import annotations

from itertools import product
from math import gcd

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import FunctionCtx

from ghn.graph.memory import part_of
from ghn.graph.normalisation import channels_lie_last

SMALL = 1 << 20  # multiply-adds of a pointwise convolution; of more oneDNN's is up to six times as fast as a product


def convolve(
    image: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int, dilation: int, groups: int
) -> Tensor:
    """The convolution of images [b, c, h, w] with square kernels [out, c / groups, k, k], differentiable any number of
    times.
    """
    kernel = weight.shape[-1]
    # what lies between is never read: a dilated kernel that strides reads even rows and columns alone
    between = gcd(stride, padding, dilation if kernel > 1 else 0)
    if between > 1:  # torch 2.14's strided 1x1 convolution also corrupts memory on a CPU when it is differentiated with
        image = part_of(image, every=between)  # fewer than 8 channels in channels_last
        stride, padding, dilation = stride // between, padding // between, max(1, dilation // between)
    if stride == 1 and _plain_on_cpu(image, weight):
        learns = torch.is_grad_enabled() and (image.requires_grad or weight.requires_grad)
        small = len(weight) > 8 and image.numel() * len(weight) < SMALL and channels_lie_last(image)
        if kernel == groups == 1 and padding == 0 and (learns or small):  # of every pixel on its own
            return F.linear(image.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)
        depthwise = groups == weight.shape[0] == image.shape[1]
        if learns and depthwise and dilation > 1 and padding <= dilation * (kernel - 1):
            out: Tensor = DilatedDepthwise.apply(image, weight, padding, dilation)
            return out if bias is None else out + bias[:, None, None]
    return F.conv2d(image, weight, bias, stride, padding, dilation, groups)


def _plain_on_cpu(image: Tensor, weight: Tensor) -> bool:
    """Whether a CPU computes in one precision."""
    return image.device.type == "cpu" and image.dtype == weight.dtype and not torch.is_autocast_enabled("cpu")


class DilatedDepthwise(torch.autograd.Function):
    """A dilated depthwise convolution of stride 1 whose gradients are other operations: several times as fast.

    That of the image is a convolution with the kernel turned round; that of a tap of the kernel the sum of what it
    reads times the gradient of what it gave. Both are differentiable.
    """

    @staticmethod
    def forward(image: Tensor, weight: Tensor, padding: int, dilation: int) -> Tensor:
        return F.conv2d(image, weight, None, 1, padding, dilation, len(weight))

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple[Tensor, Tensor, int, int], output: Tensor) -> None:
        image, weight, ctx.padding, ctx.dilation = inputs  # type: ignore[attr-defined]
        ctx.save_for_backward(image, weight)

    @staticmethod
    def backward(ctx: FunctionCtx, *grad: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        image, weight = ctx.saved_tensors  # type: ignore[attr-defined]
        padding, dilation = ctx.padding, ctx.dilation  # type: ignore[attr-defined]
        for_image, for_weight = ctx.needs_input_grad[:2]  # type: ignore[attr-defined]
        reach = dilation * (weight.shape[-1] - 1)
        of_image = convolve(grad[0], weight.flip(2, 3), None, 1, reach - padding, dilation, len(weight))
        return (
            of_image if for_image else None,
            _of_taps(image, grad[0], weight.shape[-1], padding, dilation) if for_weight else None,
            None,
            None,
        )


def _of_taps(image: Tensor, grad: Tensor, kernel: int, padding: int, dilation: int) -> Tensor:
    """The gradient [c, 1, kernel, kernel] of a depthwise kernel; that of a tap that reads nothing but padding is 0."""
    shifts = [k * dilation - padding for k in range(kernel)]  # of what a tap reads from where it is written
    rows, columns = ([-n < s < m for s in shifts] for n, m in zip(grad.shape[2:], image.shape[2:], strict=True))
    padded, nothing = F.pad(image, (padding,) * 4), grad.new_zeros(grad.shape[1])
    taps = []
    for i, j in product(range(kernel), repeat=2):
        top, left = i * dilation, j * dilation
        read = padded[:, :, top : top + grad.shape[2], left : left + grad.shape[3]]
        taps.append((read * grad).sum((0, 2, 3)) if rows[i] and columns[j] else nothing)
    return torch.stack(taps, 1).view(-1, 1, kernel, kernel)
