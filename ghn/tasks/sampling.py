"""An order of items that does not depend on where they came from, and the stratified samples drawn from it."""

from __future__ import annotations

import hashlib
from random import Random
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Int64, UInt8
from torch import Tensor

from ghn.errors import DataError
from ghn.tasks.inputs import pick, tensors_of
from ghn.types import Inputs

Pool = tuple[UInt8[Tensor, "_n _c _h _w"], Int64[Tensor, " _n"]]
"""Images with their labels; the axes are not bound, as one function may take and give pools of different sizes."""
Pools = dict[str, Pool]
"""The parts of a dataset by name: `train`, and perhaps `val` and `test`."""


def digests(images: UInt8[Tensor, "n c h w"]) -> list[bytes]:
    """The SHA-256 digest of each image's raw bytes, in height, width, channel order."""
    raw = rearrange(images.cpu(), "n c h w -> n (h w c)").contiguous().numpy()
    return [hashlib.sha256(row).digest() for row in raw]


def sort_by_content(
    images: UInt8[Tensor, "n c h w"], labels: Int64[Tensor, " n"]
) -> tuple[UInt8[Tensor, "n c h w"], Int64[Tensor, " n"], str]:
    """Sorts images by the digest of their bytes, then by label.

    Whatever order a source has, the sorted dataset is the same; as digests are as good as random, it mixes
    the classes.

    Returns:
        The images and labels in that order, and a SHA-256 hex digest over all (image, label) pairs in it.
    """
    keys = list(zip(digests(images), labels.tolist(), strict=True))
    order = sorted(range(len(keys)), key=keys.__getitem__)
    total = hashlib.sha256(f"{tuple(images.shape[1:])}".encode())
    for index in order:
        digest, label = keys[index]
        total.update(digest + label.to_bytes(8, "big", signed=True))
    if order != list(range(len(order))):  # a sorted copy of a large dataset is not copied once more
        images, labels = images[order], labels[order]
    return images, labels, total.hexdigest()


def sort_items(inputs: Inputs, targets: Tensor) -> tuple[Any, Tensor]:
    """Sorts items of any kind by the digest of their bytes, inputs first; whatever order a source has."""
    parts = [_bytes(tensor) for tensor in (*tensors_of(inputs), targets)]
    keys = [hashlib.sha256(b"".join(row)).digest() for row in zip(*parts, strict=True)]
    order = torch.tensor(sorted(range(len(keys)), key=keys.__getitem__), dtype=torch.int64)
    return pick(inputs, order), targets[order]


def _bytes(values: Tensor) -> list[bytes]:
    """Of each item."""
    return [row.tobytes() for row in values.cpu().contiguous().numpy()]


def strata_of(targets: Tensor) -> Int64[Tensor, " n"]:
    """What samples are stratified by: targets that are classes; of others all items are in one stratum."""
    if targets.ndim == 1 and targets.dtype == torch.int64:
        return targets
    return torch.zeros(len(targets), dtype=torch.int64)


def class_quota(labels: Int64[Tensor, " n"], count: int) -> dict[int, int]:
    """How many of `count` images each class gets: in proportion, largest remainders first."""
    if not 0 < count <= len(labels):
        raise DataError("a sample of this size cannot be drawn", got=count, expected=f"1 to {len(labels)} items")
    classes, sizes = labels.unique(return_counts=True)
    shares = {c: divmod(count * size, len(labels)) for c, size in zip(classes.tolist(), sizes.tolist(), strict=True)}
    whole, rest = ({c: share[k] for c, share in shares.items()} for k in (0, 1))
    for label in sorted(rest, key=lambda c: -rest[c])[: count - sum(whole.values())]:
        whole[label] += 1
    return whole


def permutation(n: int, seed: int) -> Int64[Tensor, " n"]:
    """A shuffle of `0 .. n - 1`; the same for ever, as only Python promises it of `random()` under a seed."""
    rng = Random(seed)
    keys = [rng.random() for _ in range(n)]
    return torch.tensor(sorted(range(n), key=keys.__getitem__), dtype=torch.int64)


def stratified(labels: Int64[Tensor, " n"], count: int, seed: int | None = None) -> Int64[Tensor, " count"]:
    """Indices of a stratified sample: from each class its first images in the given order, with a seed random ones.

    They are shuffled so that every stretch of them mixes the classes, and on the CPU, as a sample never depends on the
    device of the labels.
    """
    labels = labels.cpu()
    order = torch.arange(len(labels)) if seed is None else permutation(len(labels), seed)
    ordered = labels[order]
    picked = [order[ordered == label][:take] for label, take in class_quota(labels, count).items()]
    return torch.cat(picked).sort().values[permutation(count, seed or 0)]


def hold_out(
    labels: Int64[Tensor, " n"], count: int, seed: int | None = None
) -> tuple[Int64[Tensor, " kept"], Int64[Tensor, " held"]]:
    """Cuts a stratified sample of `count` images off: the indices kept and held out, both in the order given."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    held[stratified(labels, count, seed)] = True
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]
