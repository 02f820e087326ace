"""Official datasets through torchvision, which checks its own MD5 sums before anything is unpickled."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from einops import rearrange

from ghn.errors import DataError
from ghn.tasks.store import Pool, Pools

_SECONDS = 20.0  # without an answer for so long, a download is given up and the next source tried


def official(dataset: str, root: Path, download: bool = False) -> Pools:
    """Reads the train and test sets of a torchvision dataset class, such as `CIFAR10`.

    Args:
        dataset: the name of the class in `torchvision.datasets`.
        root: the folder in torchvision's layout.
        download: whether torchvision may download the data into `root`.

    Raises:
        DataError: the data is not there, or fails torchvision's checks.
    """
    return {"train": _part(dataset, root, True, download), "test": _part(dataset, root, False, download)}


def _part(dataset: str, root: Path, train: bool, download: bool) -> Pool:
    from torchvision import datasets  # heavy: only where it is used

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
