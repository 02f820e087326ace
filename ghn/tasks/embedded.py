"""The default task, shipped with ghn: a sample of CIFAR-10 at 16x16 that needs no download."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor

from ghn.assets import asset
from ghn.errors import DataError
from ghn.reading import read_bytes, read_npz, reading
from ghn.tasks.arrays import assemble
from ghn.tasks.augmentation import USUAL
from ghn.tasks.images import ImageTask
from ghn.tasks.normalisation import Normalisation
from ghn.tasks.sampling import Pools

FILE = "data/cifar10_16px.npz"
SHA256 = "3d7092ec8f048a033bad100c13ba42b6ccbbefef18fb51e04f42bca54f5ec5c4"
SIDE = 16
COLUMNS = 100  # images side by side in the picture that holds them all
COUNTS = {"train": 10_000, "val": 2_500, "test": 2_500}


def cifar10_embedded(augment: str = USUAL) -> ImageTask:
    """10,000 train, 2,500 val and 2,500 test images of CIFAR-10 at 16x16, stratified.

    Each split is part of the same split of the full task `cifar10`, byte for byte at `size=16`, and is
    normalised with the full train split's mean and deviation, so that a model sees the same
    numbers in either. `augment` is of training batches: none | flip | shift | flip_shift.
    """
    task = read_embedded(asset(FILE), SHA256)
    return task if augment == USUAL else replace(task, augmentation=augment)


def read_embedded(path: Path, sha256: str | None) -> ImageTask:
    """Reads a file made by `data/make_embedded.py`, after checking its digest unless `sha256` is None."""
    with reading(f"the embedded images in {path} cannot be read"):
        raw = read_bytes(path)
    digest = hashlib.sha256(raw).hexdigest()
    if sha256 not in (None, digest):
        raise DataError(
            f"the embedded images in {path} are not the ones shipped",
            got=f"sha256 {digest} ({len(raw)} bytes)",
            expected=f"sha256 {sha256}",
            fix="restore the file from git or reinstall ghn; data/make_embedded.py makes it anew",
        )
    with reading(f"the embedded images in {path} are damaged", fix="make them anew: data/make_embedded.py"):
        stored = read_npz(raw)
        images = unpack_images(stored["webp"].tobytes())
        labels = torch.from_numpy(stored["labels"]).to(torch.int64)
        normalisation = Normalisation(tuple(stored["mean"].tolist()), tuple(stored["std"].tolist()))
        sizes = list(COUNTS.values())
        parts = zip(COUNTS, images.split(sizes), labels.split(sizes), strict=True)
        pools: Pools = {part: (x, y) for part, x, y in parts}
    return assemble("cifar10_embedded", pools, classes=10, normalisation=normalisation)


def pack_images(images: UInt8[Tensor, "n c h w"]) -> bytes:
    """Lays the images side by side in one picture, in lossless WebP: the smallest of the formats tried."""
    from PIL import Image

    picture = rearrange(images, "(r q) c h w -> (r h) (q w) c", q=COLUMNS)
    out = io.BytesIO()
    Image.fromarray(picture.numpy()).save(out, "WEBP", lossless=True, quality=100, method=6)
    return out.getvalue()


def unpack_images(webp: bytes) -> UInt8[Tensor, "n c h w"]:
    """The inverse of `pack_images`, bit for bit."""
    from PIL import Image

    with Image.open(io.BytesIO(webp), formats=["WEBP"]) as opened:
        picture = torch.from_numpy(np.array(opened))
    return rearrange(picture, "(r h) (q w) c -> (r q) c h w", h=SIDE, w=SIDE).contiguous()
