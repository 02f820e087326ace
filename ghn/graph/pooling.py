"""How windows are pooled on a CPU: the same numbers by a faster road than PyTorch's.

PyTorch pools element by element: on maps of few channels an average over 3x3 pixels takes twice as long as a 3x3
convolution. A mean is a depthwise convolution, a maximum that of rows, then of columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from ghn.graph.normalisation import pays

WORTH = 1 << 15  # values in a tensor, from which on the other road pays for its own overhead


def average(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Mean of each window of images [b, c, h, w], of what lies inside the image."""
    if not _pays(x):
        return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=False)
    return _mean(x, kernel, stride, padding)


def greatest(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """Maximum of each window of images [b, c, h, w]."""
    plain = stride == 1 and kernel == 3 and padding == 1 and min(x.shape[2:]) > 1
    if not plain or not _pays(x):
        return F.max_pool2d(x, kernel, stride, padding)
    rows = x.clone()
    torch.maximum(rows[:, :, 1:], x[:, :, :-1], out=rows[:, :, 1:])
    torch.maximum(rows[:, :, :-1], x[:, :, 1:], out=rows[:, :, :-1])
    both = rows.clone()
    torch.maximum(both[..., 1:], rows[..., :-1], out=both[..., 1:])
    torch.maximum(both[..., :-1], rows[..., 1:], out=both[..., :-1])
    return both


def _pays(x: Tensor) -> bool:
    """Whether the other road is the faster one; its gradients, of as many images as are trained on, are not."""
    if torch.is_grad_enabled() and x.requires_grad:
        return False
    return pays(x, WORTH) and not torch.is_autocast_enabled("cpu")


def _mean(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    channels = x.shape[1]
    weight = torch.full((channels, 1, kernel, kernel), 1 / kernel**2)
    mean = F.conv2d(x, weight, None, stride, padding, 1, channels)
    if padding:
        _weigh_(mean, x.shape[2:], kernel, stride, padding)
    return mean


def _weigh_(mean: Tensor, size: Sequence[int], kernel: int, stride: int, padding: int) -> None:
    """Multiplies sums over windows by the window's area over what of it lies inside an image of a size, in place."""
    out = mean.permute(0, 2, 3, 1)
    sides = zip(size, out.shape[1:3], strict=True)
    rows, columns = (torch.tensor(_shares(n, m, kernel, stride, padding)) for n, m in sides)
    shares = (rows[:, None] * columns).repeat_interleave(mean.shape[1])
    if out.is_contiguous():  # whole images at once: a row of eight channels would fill no vector
        out.view(len(out), -1).mul_(shares)
    else:
        out.mul_(shares.view(out.shape[1:]))


@lru_cache(maxsize=256)
def _shares(size: int, out: int, kernel: int, stride: int, padding: int) -> list[float]:
    """Of each place the kernel's length over what of its window lies inside [size]."""
    starts = [i * stride - padding for i in range(out)]
    return [kernel / (min(start + kernel, size) - max(start, 0)) for start in starts]
