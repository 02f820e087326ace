"""From images and labels in memory to a task: conversion, splits, size, normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ghn.errors import ConfigError, DataError
from ghn.tasks.images import ImageTask, Normalisation, Split, check_alike, check_range
from ghn.tasks.sampling import Pool, Pools, hold_out, permutation, sort_by_content
from ghn.tasks.transforms import resize

ArrayLike = Tensor | np.ndarray | list[Any]


def from_arrays(
    name: str,
    train: tuple[ArrayLike, ArrayLike],
    val: tuple[ArrayLike, ArrayLike] | None = None,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    *,
    classes: int | None = None,
    size: int | tuple[int, int] | None = None,
    val_share: float = 0.1,
    test_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask:
    """Makes a task of images and labels in memory (tensors or numpy arrays).

    Args:
        name: a short name for the task.
        train: images `[n c h w]`, uint8 or float in [0, 1], and integer labels `[n]`.
        val: the same for scoring; None holds `val_share` of the train images out.
        test: the same for reporting; None holds `test_share` of the train images out.
        classes: number of classes; None counts them, and then none of 0, 1, ... may be missing.
        size: height and width to resize to; None keeps the size.
        val_share: share of the given train images, stratified by class.
        test_share: as `val_share`, cut off before it.
        seed: which images are held out; None takes the first by digest. The arrays' order never matters.

    Raises:
        DataError: a wrong shape, dtype, label or size; the message names the split and the offending value.
        ConfigError: a share is not between 0 and 1.
    """
    given = {"train": train, "val": val, "test": test}
    pools: Pools = {part: as_pool(*x, where=f"task {name}, split {part}") for part, x in given.items() if x is not None}
    if classes is None:
        classes = count_classes(name, pools)
    for part, (images, labels) in pools.items():
        check_range(f"task {name}, split {part}", labels, classes)  # here, where indices are still the user's
        check_alike(f"task {name}, split {part}", images, pools["train"][0])
        pools[part] = sort_by_content(images, labels)[:2]
    pools = cut(name, resized(pools, size), val_share, test_share, seed)
    return assemble(name, pools, classes)


def resized(pools: Pools, size: int | tuple[int, int] | None) -> Pools:
    """Resizes every part; None keeps the size."""
    return {p: (images if size is None else resize(images, size), labels) for p, (images, labels) in pools.items()}


def assemble(name: str, pools: Pools, classes: int, normalisation: Normalisation | None = None) -> ImageTask:
    """Makes a task of its three splits; the normalisation is the train split's unless given."""
    normalisation = normalisation or Normalisation.of(pools["train"][0])
    splits = {part: Split(images, labels, normalisation) for part, (images, labels) in pools.items()}
    return ImageTask(name, splits["train"], splits["val"], splits["test"], classes)


def cut(name: str, pools: Pools, val_share: float, test_share: float, seed: int | None) -> Pools:
    """Holds the missing ones of val and test out of train, stratified, as shares of the given images."""
    train, total = pools["train"], len(pools["train"][1])
    held: Pools = {}
    for part, share in (("test", test_share), ("val", val_share)):
        if part in pools:
            held[part] = pools[part]
            continue
        if not 0 < share < 1:
            raise ConfigError(f"task {name}: bad {part}_share", got=share, expected="a number between 0 and 1")
        count = round(share * total)
        if not 0 < count < len(train[1]):
            raise DataError(
                f"task {name}: too few images to hold a {part} split out",
                got=f"{total} images, share {share}",
                expected="at least one image for each of train, val and test",
                fix=f"give more images, another {part}_share, or a {part} split of your own",
            )
        kept_index, held_index = hold_out(train[1], count, seed)
        held[part], train = _pick(train, held_index), _pick(train, kept_index)
    cuts = {"train": train, "val": held["val"], "test": held["test"]}
    # What a cut leaves starts with the classes that filled their share first: mix them again.
    return {part: _pick(pool, permutation(len(pool[1]), seed=0)) for part, pool in cuts.items()}


def _pick(pool: Pool, index: Tensor) -> Pool:
    return pool[0][index], pool[1][index]


def count_classes(name: str, pools: Pools) -> int:
    """One more than the largest label; a DataError unless every label below it occurs in the train images."""
    present = set(pools["train"][1].tolist())
    largest = max(int(labels.max()) for _, labels in pools.values())
    missing = sorted(set(range(largest + 1)) - present)
    if missing or min(present) < 0:
        raise DataError(
            f"task {name}: the train labels are not 0, 1, ..., {largest}",
            got=f"no image of class {missing[0]}" if missing else f"label {min(present)}",
            expected="every class from 0 up, so that classes can be counted",
            fix="renumber the labels from 0, or say how many classes there are with classes=",
        )
    return largest + 1


def as_pool(images: ArrayLike, labels: ArrayLike, where: str) -> Pool:
    """Images `[n c h w]` as uint8 and whole labels `[n]` as int64, on the CPU; a DataError where they are not so."""
    x, y = torch.as_tensor(images).cpu(), torch.as_tensor(labels).cpu()
    if x.ndim != 4:
        hint = "add the channel axis: images[:, None]" if x.ndim == 3 else None
        raise DataError(f"{where}: wrong shape of images", got=tuple(x.shape), expected="[n c h w]", fix=hint)
    if y.dtype.is_floating_point or y.dtype.is_complex or y.dtype == torch.bool or y.shape != (len(x),):
        raise DataError(
            f"{where}: wrong labels",
            got=f"{y.dtype} of shape {tuple(y.shape)}",
            expected=f"whole numbers of shape ({len(x)},), one label an image",
        )
    if x.numel() == 0:
        raise DataError(f"{where}: no images", got=f"shape {tuple(x.shape)}", expected="at least one image")
    return as_bytes(x, where), y.to(torch.int64)


def as_bytes(images: Tensor, where: str) -> UInt8[Tensor, "..."]:
    """Converts uint8 or float in [0, 1] to uint8, of any shape; a DataError for other dtypes or values out of range."""
    if images.dtype == torch.uint8:
        return images
    if not images.dtype.is_floating_point:
        raise DataError(f"{where}: wrong dtype of images", got=images.dtype, expected="uint8, or float in [0, 1]")
    low, high = float(images.min()), float(images.max())
    if not (low >= 0 and high <= 1):  # NaN fails too
        raise DataError(
            f"{where}: float images are out of range",
            got=f"values from {low:.4g} to {high:.4g}",
            expected="values from 0 to 1 (or uint8 from 0 to 255), not yet normalised",
            fix="leave the normalisation to the task, which computes it from the train split",
        )
    return (images * 255).round().to(torch.uint8)
