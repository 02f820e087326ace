"""Reads the published archive of the size space: every epoch and seed of 32,768 networks.

Source: Dong, Liu, Musial & Gabrys, "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI
2021, whose archives are published at github.com/D-X-Y/NATS-Bench.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ghn.tables.nats import Archive, read_archive
from ghn.tables.references import ReferenceTable

_ARCHIVE = Archive(
    name="NATS-sss-v1_0-50262-simple",
    title="size space",
    space="nats_size",
    epochs=(1, 12, 90),
    holds=lambda text: re.fullmatch(r"[0-9]{1,2}(:[0-9]{1,2}){4}", text) is not None,
    skeleton={"width": 8},
)


def read_nats_bench_sizes(
    folder: str | Path, dataset: str = "cifar10", *, epochs: int = 90, indices: Iterable[int] | None = None
) -> ReferenceTable:
    """Reads an unpacked `NATS-sss-v1_0-50262-simple` archive; `ghn.tables.nats.read_archive` says what comes of it.

    Networks are trained with three seeds for 12 epochs and with one for 1 and 90.

    Args:
        folder: with `meta.pickle.pbz2` and a `NNNNNN.pickle.pbz2` an architecture.
        dataset: "cifar10", "cifar100" or "ImageNet16-120".
        epochs: of the recipe, 90, 12 or 1.
        indices: of the architectures wanted; None for all that the folder holds.

    Raises:
        MissingExtraError: `nats-bench` is not installed.
        ConfigError: an unknown dataset or number of epochs.
        DataError: a file is missing, damaged, of another space, or not plain data.
    """
    return read_archive(_ARCHIVE, folder, dataset, epochs=epochs, indices=indices)
