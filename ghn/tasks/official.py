"""Official datasets: tries their sources in turn, verifies the content whichever way it came, keeps a fast copy.

Downloads go through torchvision, which checks its own MD5 sums before anything is unpickled.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from einops import rearrange

from ghn.errors import DataError
from ghn.extras import need
from ghn.files import replacing
from ghn.locks import sweep_shared
from ghn.reading import read_npz, there_is
from ghn.tasks.sampling import Pool, Pools, sort_by_content

log = logging.getLogger(__name__)

LARGEST = 1 << 33  # bytes of a fast copy
_SECONDS = 20.0  # without an answer for so long, a download is given up and the next source tried


@dataclass(frozen=True)
class Source:
    """One way to come by a dataset: `read` may raise any exception with the reason why it cannot."""

    name: str
    read: Callable[[], Pools]
    remote: bool = False


def data_root(root: str | Path | None = None) -> Path:
    """The folder of datasets: the one given, else the environment's GHN_DATA, else ~/.cache/ghn/data."""
    return Path(root or os.environ.get("GHN_DATA") or "~/.cache/ghn/data").expanduser()


def load_pools(
    name: str,
    cache: Path,
    sources: list[Source],
    checksums: Mapping[str, str] | None,
    *,
    download: bool = True,
    fix: str,
) -> Pools:
    """Loads an official dataset, in content order, from the fast copy, else from the first source that works.

    The fast copy, an npz file, is written when it is missing or damaged. Checksums are those of the content of each
    part, whatever the source; None trusts the sources' own checks. `fix` is what the user can do when nothing works.

    Raises:
        DataError: no source works; the message lists what was tried and why it failed.
    """
    tried = []
    if there_is(cache):
        try:
            return _read_npz(cache, checksums)
        except Exception as error:  # damaged in whatever way: it is made again
            log.warning("the fast copy of %s is not used and will be made again: %s", name, error)
            tried.append(_reason(f"fast copy {cache}", error))
    for source in sources:
        if source.remote and not download:
            tried.append(f"{source.name}: not tried, as download=False")
            continue
        if source.remote:
            log.warning("%s is not on this machine; trying %s", name, source.name)
        try:
            pools, digests = _verified(source.read(), checksums)
        except Exception as error:  # any reason at all is kept for the message, and the next source is tried
            tried.append(_reason(source.name, error))
            level = logging.WARNING if source.remote else logging.INFO  # absent files are the usual case
            log.log(level, "%s could not be had from %s", name, tried[-1])
            continue
        _keep(cache, pools, digests)
        return pools
    raise DataError(
        f"{name} could not be loaded",
        got="nothing usable from\n" + "\n".join(f"    - {line}" for line in tried),
        expected="one of these to work",
        fix=fix,
    )


def _reason(source: str, error: Exception) -> str:
    kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
    return f"{source}: {kind}{' '.join(str(error).split())[:300]}"


def _verified(pools: Pools, checksums: Mapping[str, str] | None) -> tuple[Pools, dict[str, str]]:
    """Puts each part in content order and compares its checksum with the expected one."""
    ordered: Pools = {}
    found: dict[str, str] = {}
    for part, pool in pools.items():
        images, labels, found[part] = sort_by_content(*pool)
        ordered[part] = images, labels
    if checksums is not None and found != dict(checksums):
        raise DataError("the content is not the official one", got=f"sha256 {found}", expected=f"{dict(checksums)}")
    return ordered, found


def _read_npz(path: Path, checksums: Mapping[str, str] | None) -> Pools:
    stored = read_npz(path, LARGEST)
    parts = [key.removesuffix("_images") for key in stored if key.endswith("_images")]
    pools = {p: (torch.from_numpy(stored[f"{p}_images"]), torch.from_numpy(stored[f"{p}_labels"])) for p in parts}
    own = {part: str(stored[f"{part}_sha256"]) for part in parts}
    return _verified(pools, checksums or own)[0]


def _keep(path: Path, pools: Pools, digests: Mapping[str, str]) -> None:
    """Writes the fast copy, if that can be done."""
    entries: dict[str, np.ndarray] = {}
    for part, (images, labels) in pools.items():
        entries[f"{part}_images"] = images.contiguous().numpy()
        entries[f"{part}_labels"] = labels.numpy()
        entries[f"{part}_sha256"] = np.array(digests[part])
    try:
        sweep_shared(path.parent)  # what a killed one left is as large as the data
        with replacing(path) as file:
            np.savez(file, **entries)  # type: ignore[arg-type]
    except OSError as error:  # a read-only or full disk costs time the next time, not the data
        log.warning("no fast copy could be kept at %s: %s", path, error)


def official(dataset: str, root: Path, download: bool = False) -> Pools:
    """Reads the train and test sets of a class of `torchvision.datasets`, such as `CIFAR10`, below `root`."""
    return {"train": _part(dataset, root, True, download), "test": _part(dataset, root, False, download)}


def _part(dataset: str, root: Path, train: bool, download: bool) -> Pool:
    datasets = need("torchvision.datasets", "vision", f"reading {dataset}")
    try:
        with _patience():
            loaded = getattr(datasets, dataset)(str(root), train=train, download=download)
    except Exception as error:
        raise DataError(f"{error}") from error
    images, labels = torch.as_tensor(loaded.data), torch.as_tensor(loaded.targets, dtype=torch.int64)
    if images.ndim == 3:  # MNIST and its kin have no channel axis
        return rearrange(images, "n h w -> n 1 h w"), labels
    return rearrange(images, "n h w c -> n c h w"), labels


@contextmanager
def _patience() -> Iterator[None]:
    """Gives up on a silent network: urllib, which torchvision uses, would wait for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
