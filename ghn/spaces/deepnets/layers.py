"""The layers of DeepNets, plain modules of PyTorch: what a hypernetwork sees of them it sees of a user's, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GROUPS = 4  # of grouped convolutions and group normalisation: widths are multiples of it
HEADS = 4  # of attention
SQUEEZE = 4  # by which squeeze-and-excitation narrows channels
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "hardswish": nn.Hardswish,
}
NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "group": lambda channels: nn.GroupNorm(GROUPS, channels),
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "none": lambda channels: nn.Identity(),
}


@dataclass(frozen=True, slots=True)
class Style:
    """What all layers of a network have in common."""

    norm: str  # one of `NORMS`
    activation: str  # one of `ACTIVATIONS`
    first: bool  # whether the activation comes before the convolution, as in DARTS, or after the normalisation

    def layer(self, channels: int, *convolutions: nn.Module) -> nn.Sequential:
        """Convolutions one after the other, with one activation and one normalisation."""
        activation, norm = ACTIVATIONS[self.activation](), NORMS[self.norm](channels)
        every = [activation, *convolutions, norm] if self.first else [*convolutions, norm, activation]
        return nn.Sequential(*(m for m in every if not isinstance(m, nn.Identity)))


def convolution(into: int, out: int, kernel: int, style: Style, *, stride: int = 1, bias: bool = False) -> nn.Module:
    """A layer with a dense convolution."""
    return style.layer(out, nn.Conv2d(into, out, kernel, stride, kernel // 2, bias=bias or style.norm == "none"))


def separable(channels: int, kernel: int, stride: int, dilation: int, style: Style) -> nn.Module:
    """A layer with a depthwise convolution, and one that mixes the channels."""
    padding = dilation * (kernel // 2)
    depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
    return style.layer(channels, depthwise, nn.Conv2d(channels, channels, 1, bias=style.norm == "none"))


def crossed(channels: int, kernel: int, stride: int, style: Style) -> nn.Module:
    """A layer with two convolutions, one along each side of the image."""
    pad, bias = kernel // 2, style.norm == "none"
    wide = nn.Conv2d(channels, channels, (1, kernel), (1, stride), (0, pad), bias=False)
    return style.layer(channels, wide, nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (pad, 0), bias=bias))


def grouped(channels: int, kernel: int, stride: int, style: Style) -> nn.Module:
    """A layer with a convolution in groups of channels."""
    bias = style.norm == "none"
    return style.layer(channels, nn.Conv2d(channels, channels, kernel, stride, kernel // 2, 1, GROUPS, bias=bias))


class SqueezeExcitation(nn.Module):
    """Weights channels by what their means say.

    Source: Hu, Shen & Sun, "Squeeze-and-Excitation Networks", CVPR 2018, sec. 3.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, max(1, channels // SQUEEZE), 1)
        self.expand = nn.Conv2d(max(1, channels // SQUEEZE), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.expand(F.relu(self.reduce(self.pool(x)))))


class Attention(nn.Module):
    """A block of a transformer over the pixels of a map: attention and a perceptron, each with a residual.

    Source: Dosovitskiy et al. 2021 (ViT), eq. 2 and 3.
    """

    def __init__(self, channels: int, *, norm: bool) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels) if norm else nn.Identity()
        self.norm2 = nn.LayerNorm(channels) if norm else nn.Identity()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2).contiguous()
        q, k, v = self.qkv(self.norm1(tokens)).reshape(b, h * w, 3, HEADS, c // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, h * w, c)
        tokens = tokens + self.out(mixed)
        tokens = tokens + self.down(F.gelu(self.up(self.norm2(tokens))))
        return tokens.transpose(1, 2).reshape(b, c, h, w)


class Position(nn.Module):
    """Adds an embedding of the place to every pixel."""

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Parameter(0.02 * torch.randn(1, channels, height, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.embedding


def shrinking() -> nn.Module:
    """A pooling that halves a map as a convolution with stride 2 does: odd sides are rounded up."""
    return nn.AvgPool2d(3, 2, 1, count_include_pad=False)


def halved(sides: tuple[int, int]) -> tuple[int, int]:
    """The height and width that are left."""
    return (sides[0] + 1) // 2, (sides[1] + 1) // 2


def operation(name: str, channels: int, stride: int, style: Style) -> nn.Module:
    """The layer of an operation's name, that keeps the channels."""
    kind, _, size = name.partition("_")
    kernel = int(size or 3)
    if kind == "conv":
        return convolution(channels, channels, kernel, style, stride=stride)
    if kind in ("separable", "dilated"):
        return separable(channels, kernel, stride, 2 if kind == "dilated" else 1, style)
    if kind == "crossed":
        return crossed(channels, kernel, stride, style)
    if kind == "grouped":
        return grouped(channels, kernel, stride, style)
    if kind == "max":
        return nn.MaxPool2d(kernel, stride, kernel // 2)
    if kind == "avg":
        return nn.AvgPool2d(kernel, stride, kernel // 2, count_include_pad=False)
    shrink = [shrinking()] if stride > 1 else []
    if kind == "attention":
        return nn.Sequential(*shrink, Attention(channels, norm=style.norm != "none"))
    if kind == "squeeze":
        return nn.Sequential(*shrink, SqueezeExcitation(channels))
    assert kind == "skip", name
    return shrink[0] if shrink else nn.Identity()
