"""What splits and tasks demand of their tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from ghn.errors import DataError


def check_images(images: Tensor) -> None:
    """Raises DataError unless the images are a non-empty uint8 tensor `[n c h w]`."""
    if not isinstance(images, Tensor) or images.dtype != torch.uint8 or images.ndim != 4 or 0 in images.shape[1:]:
        raise DataError(
            "images are not of the right kind",
            got=_kind(images),
            expected="a uint8 tensor [n c h w] with values 0 to 255",
            fix="build the task with ghn.tasks.from_arrays or from_dataset, which convert images",
        )
    if len(images) == 0:
        raise DataError("a split has no images", expected="at least one image")


def check_labels(labels: Tensor, count: int) -> None:
    """Raises DataError unless the labels are int64, one for each of `count` images."""
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != (count,):
        raise DataError(
            "labels are not of the right kind",
            got=_kind(labels),
            expected=f"an int64 tensor of shape ({count},), one label an image",
        )


def _kind(value: object) -> str:
    return f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__


def check_alike(where: str, images: Tensor, train: Tensor) -> None:
    """Raises DataError unless the images have the channels and size of the train split's."""
    if images.shape[1:] != train.shape[1:]:
        raise DataError(
            f"{where}: images differ in channels or size from the train split's",
            got=f"[c h w] = {list(images.shape[1:])}",
            expected=f"[c h w] = {list(train.shape[1:])}",
            fix="give every split the same channels and size, for example with the option size=",
        )


def check_range(where: str, labels: Tensor, classes: int) -> None:
    """Raises DataError, naming the first offender, unless every label is one of `0 .. classes - 1`."""
    outside = ((labels < 0) | (labels >= classes)).nonzero()[:, 0]
    if len(outside):
        first = int(outside[0])
        raise DataError(
            f"{where}: {len(outside)} of {len(labels)} labels are out of range",
            got=f"label {int(labels[first])} at index {first}",
            expected=f"0 to {classes - 1}, as the task has {classes} classes",
            fix="renumber the labels from 0, or set the number of classes",
        )
