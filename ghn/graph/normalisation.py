"""Batch normalisation that is not carried out before its output is added to others: on a CPU the same numbers in half
the time.

PyTorch's reads an image three times and writes it once, eight channels at a time where there are eight; the sum that
reads it reads and writes again. Here the statistics are taken in one reading as wide as the processor's vectors, and
scale, shift and sum are one operation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

LANES = 64  # values read at once: several pixels, where there are fewer channels
WORTH = 1 << 14  # values in a tensor, from which on this road pays for its own overhead


class Scaled(NamedTuple):
    """Images [b, c, h, w] that are yet to be multiplied by a scale [c] and moved by a shift [c]."""

    image: Tensor
    scale: Tensor
    shift: Tensor

    def part(self, start: int, stop: int) -> Scaled:
        """Some of the channels."""
        return Scaled(self.image[:, start:stop], self.scale[start:stop], self.shift[start:stop])

    def done(self) -> Tensor:
        """The images."""
        return total([self])


def channels_lie_last(x: Tensor) -> bool:
    """Whether images lie in memory pixel by pixel, without gaps."""
    return x.dim() == 4 and x.is_contiguous(memory_format=torch.channels_last)


def pays(x: Tensor, worth: int = WORTH) -> bool:
    """Whether roads made for a CPU's vectors are faster: of images that fill them; a GPU has kernels of its own."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and channels_lie_last(x) and x.numel() >= worth


def normalised(x: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Scaled | Tensor:
    """Images [b, c, h, w] normalised by the statistics of the batch; carried out at once where waiting does not pay."""
    if not pays(x):
        return F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    mean, variance = _moments(x)
    scale = (variance + eps).rsqrt_()
    scale = scale if weight is None else scale * weight
    shift = torch.mul(mean, scale).neg_() if bias is None else torch.addcmul(bias, mean, scale, value=-1)
    return Scaled(x, scale, shift)


def total(terms: Sequence[Tensor | Scaled]) -> Tensor:
    """The sum of images [b, c, h, w], some of which are yet to be scaled; memory of its own, of several terms."""
    scaled = [term for term in terms if isinstance(term, Scaled)]
    plain = [term for term in terms if isinstance(term, Tensor)]
    if not scaled:
        out, plain = (plain[0] + plain[1], plain[2:]) if len(plain) > 1 else (plain[0], [])
    else:
        out = _first(scaled[0], _sum([term.shift for term in scaled]))
    for term in scaled[1:]:
        _add(out, term)
    for other in plain:
        out += other
    return out


def _sum(each: Sequence[Tensor]) -> Tensor:
    out = each[0]
    for other in each[1:]:
        out = out + other
    return out


def _pixels(x: Tensor) -> int:
    """How many pixels are read at once: as many as fill `LANES`, of those that divide the image."""
    channels, every, n = x.shape[1], x.numel() // x.shape[1], 1
    while 2 * n * channels <= LANES and every % (2 * n) == 0:
        n *= 2
    return n


def _wide(x: Tensor, n: int) -> Tensor:
    """Images whose channels lie last, `n` pixels a row [-1, n c]."""
    return x.permute(0, 2, 3, 1).view(-1, n * x.shape[1])


def _moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean [c] and variance [c] of images whose channels lie last.

    Source: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979:
    of lanes of equal length the variance is the mean of theirs plus the variance of their means.
    """
    n = _pixels(x)
    mean, variance = torch.batch_norm_update_stats(_wide(x, n), None, None, 0.0)
    if n == 1:
        return mean, variance
    between, centre = torch.var_mean(mean.view(n, -1), 0, correction=0)
    return centre, between.add_(variance.view(n, -1).mean(0))


def _first(term: Scaled, shift: Tensor) -> Tensor:
    image, scale, _ = term
    if channels_lie_last(image):
        still, one = torch.zeros_like(scale), torch.ones_like(scale)
        return F.batch_norm(image, still, one, scale, shift, eps=0.0)
    return torch.addcmul(shift[:, None, None], image, scale[:, None, None])


def _add(out: Tensor, term: Scaled) -> None:
    image, scale, _ = term
    if channels_lie_last(image) and channels_lie_last(out) and (n := _pixels(image)) > 1:
        _wide(out, n).addcmul_(_wide(image, n), scale.repeat(n))
    else:
        out.addcmul_(image, scale[:, None, None])
