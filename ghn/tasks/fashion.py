"""Fashion-MNIST: found locally (torchvision's layout, or Debian's package), else downloaded, and verified."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from einops import rearrange
from torch import Tensor

from ghn.errors import DataError
from ghn.reading import is_file, read_unpacked, reading
from ghn.tasks.arrays import assemble, cut, resized
from ghn.tasks.augmentation import USUAL
from ghn.tasks.images import ImageTask
from ghn.tasks.official import Source, data_root, load_pools, official
from ghn.tasks.sampling import Pools

CHECKSUMS = {
    "train": "5f2466274af069bb360ff1195c62e0686835206a98c7b76f6c71f1f46b67d781",
    "test": "baaa4f9bbcae82a610603de84be4783d7791c19adbf2da061daeb8a60c87ba3e",
}
DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
_BYTES = 8  # the idx format's code for unsigned bytes


def fashion_mnist(
    size: int | tuple[int, int] | None = None,
    root: str | Path | None = None,
    download: bool = True,
    augment: str = USUAL,
    val_share: float = 0.1,
    seed: int | None = 0,
) -> ImageTask:
    """Fashion-MNIST: 28x28 grey images; `seed` chooses which `val_share` of the 60,000 train images is held out.

    The other options and errors are those of `ghn.tasks.cifar.cifar10`.
    """
    folder = data_root(root)
    raw = folder / "FashionMNIST" / "raw"
    sources = [
        Source(f"{raw} (torchvision's layout)", lambda: read_idx_folder(raw)),
        Source(f"{DEBIAN_FOLDER} (Debian's package {DEBIAN_PACKAGE})", lambda: read_idx_folder(DEBIAN_FOLDER)),
        Source("torchvision's download", lambda: official("FashionMNIST", folder, download=True), remote=True),
    ]
    fix = (
        f"connect to the network; or `apt-get install {DEBIAN_PACKAGE}` on Debian or Ubuntu; "
        f"or put the four files train-images-idx3-ubyte.gz etc. into {raw} (or set GHN_DATA or root=)"
    )
    cache = folder / "ghn" / "fashion_mnist.npz"
    pools = load_pools("Fashion-MNIST", cache, sources, CHECKSUMS, download=download, fix=fix)
    pools = cut("fashion_mnist", resized(pools, size), val_share, 0.0, seed)
    return assemble("fashion_mnist", pools, classes=10, augment=augment)


def read_idx_folder(folder: Path) -> Pools:
    """Reads a folder of MNIST-like idx files, plain or gzipped."""
    pools: Pools = {}
    for part, prefix in {"train": "train", "test": "t10k"}.items():
        images = rearrange(_idx(folder / f"{prefix}-images-idx3-ubyte"), "n h w -> n 1 h w")
        pools[part] = images, _idx(folder / f"{prefix}-labels-idx1-ubyte").to(torch.int64)
    return pools


def _idx(path: Path) -> Tensor:
    """One idx file: two zero bytes, a type code, the number of axes, their lengths, then the values."""
    zipped = path.with_name(f"{path.name}.gz")
    if not (found := next((one for one in (path, zipped) if is_file(one)), None)):
        raise DataError(f"there is no {path}, with or without .gz")
    with reading(f"{found} cannot be read", fix="get it again"):
        raw = read_unpacked(found)
    axes = raw[3] if raw[:3] == bytes([0, 0, _BYTES]) and len(raw) > 3 else 0
    start = 4 + 4 * axes
    shape = [int(length) for length in np.frombuffer(raw[4:start], dtype=">i4")] if len(raw) >= start else []
    if axes == 0 or math.prod(shape) != len(raw) - start:
        raise DataError(f"{path} is damaged", got=f"{len(raw)} bytes, axes {shape}", expected="an idx file of bytes")
    return torch.from_numpy(np.frombuffer(raw, dtype=np.uint8, offset=start).reshape(shape).copy())
