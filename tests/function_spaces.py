"""Spaces from functions, as a user would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

SHAPE = (3, 8, 8)
ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}


def cnn(choose: Any) -> nn.Module:
    """A small CNN, the kernels of which are asked for as often as it is deep."""
    width, act = choose("width", [4, 8]), ACTIVATIONS[choose("act", list(ACTIVATIONS))]
    layers: list[nn.Module] = [nn.Conv2d(choose.input_shape[0], width, 3, padding=1), nn.BatchNorm2d(width), act()]
    for i in range(choose.int("depth", 1, 3)):
        kernel = choose(f"kernel{i}", [1, 3])
        layers += [nn.Conv2d(width, width, kernel, padding=kernel // 2), nn.BatchNorm2d(width), act()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, choose.classes))


def tiny(choose: Any) -> nn.Module:
    """Six members, two of which are one function."""
    kernel, skip = choose("kernel", [1, 3, 5]), choose("skip", [False, True])
    layers: list[nn.Module] = [nn.Conv2d(3, 4, kernel, padding=kernel // 2)]
    layers.append(nn.Identity() if skip or kernel == 1 else nn.ReLU())
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, choose.classes))


def chain(depth: int) -> Callable[[Any], nn.Module]:
    """A build of many members: each of `depth` layers has one of two kernels."""

    def build(choose: Any) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(3, 4, 3, padding=1)]
        for i in range(depth):
            kernel = choose(f"kernel{i}", [1, 3])
            layers += [nn.ReLU(), nn.Conv2d(4, 4, kernel, padding=kernel // 2)]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, choose.classes))

    return build


def perceptron(width: int, classes: int = 3) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(20, width), nn.ReLU(), nn.Linear(width, classes))


def mlp(choose: Any) -> nn.Module:
    """A perceptron on the columns of a table."""
    before, layers = choose.input_shape[0], list[nn.Module]()
    for i in range(choose.int("depth", 1, 2)):
        width = choose(f"width{i}", [8, 16, 32, 48])
        layers += [nn.Linear(before, width), nn.LayerNorm(width), nn.GELU()]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, choose.classes))


def signal(choose: Any) -> nn.Module:
    """1-D convolutions on signals of several channels."""
    width, before, layers = choose("width", [4, 8]), choose.input_shape[0], list[nn.Module]()
    for i in range(choose.int("depth", 1, 2)):
        kernel = choose(f"kernel{i}", [3, 5, 9])
        layers += [nn.Conv1d(before, width, kernel, 2, kernel // 2), nn.BatchNorm1d(width), nn.ReLU()]
        before = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, choose.classes))


class ViT(nn.Module):
    """Patches, a class token, positions, blocks of attention."""

    def __init__(self, shape: Any, classes: int, width: int, heads: list[int], ratio: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(shape[0], width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, 1 + shape[1] * shape[2] // 16, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, h, ratio * width, dropout=0.0, batch_first=True, norm_first=True)
            for h in heads
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        for block in self.blocks:
            x = block(x)
        y: torch.Tensor = self.head(self.norm(x[:, 0]))
        return y


def vit(choose: Any) -> nn.Module:
    """A small vision transformer."""
    width, ratio = choose("width", [8, 16]), choose("ratio", [1, 2])
    heads = [choose(f"heads{i}", [1, 2]) for i in range(choose.int("depth", 1, 2))]
    return ViT(choose.input_shape, choose.classes, width, heads, ratio)
