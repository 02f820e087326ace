"""A task and a space so small that training takes milliseconds a step."""

from __future__ import annotations

import torch
from torch import Tensor

from ghn.spaces import NASBench201
from ghn.tasks import ImageTask, from_arrays

CLASSES = 4
SPACE = NASBench201((3, 8, 8), classes=CLASSES, width=4, depth=1)


def make_task(train: int = 0, val: int = 1, test: int = 2, size: int = 80) -> ImageTask:
    """Images 3x8x8 of four classes; the arguments are the seeds of the splits, and the size of the train split."""
    splits = {"train": _split(size, train), "val": _split(40, val), "test": _split(40, test)}
    return from_arrays("toy", **splits, classes=CLASSES)


def _split(n: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with one bright channel, or none, which is the class: easy to learn, flipped and shifted or not."""
    images = torch.randint(120, (n, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(n) % CLASSES
    for channel in range(3):
        images[labels == channel, channel] += 60
    return images, labels
