"""Spaces from functions, as a user would write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
