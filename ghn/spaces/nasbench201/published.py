"""Reads the published tables of NAS-Bench-201: the accuracies of all cells, and every epoch and seed of the archives.

Source: "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing", arXiv 2506.18495, 2025, whose ordinary
digital trainings of all 15,625 cells come in the PyPI package analog-nasbench; and Dong, Liu, Musial & Gabrys,
"NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021, whose archives of the topology
space are published at github.com/D-X-Y/NATS-Bench.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
from collections.abc import Iterable
from pathlib import Path

from ghn.errors import DataError
from ghn.extras import missing
from ghn.spaces.nasbench201.notation import EDGES, OPERATIONS, cell_of_numbers, check_listing, format_cell
from ghn.tables.nats import Archive, names_of, read_archive, recipe
from ghn.tables.pickles import Record, restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader

_ANALOG_GLOBALS = {("analognasbench.data", name): Record for name in ("Architecture", "DriftMeasurement")}
_SKELETON = {"width": 16, "depth": 5}
_ARCHIVE = Archive(
    name="NATS-tss-v1_0-3ffb9-simple",
    title="topology space",
    space="nasbench201",
    epochs=(12, 200),
    holds=lambda text: "~" in text,
    skeleton=_SKELETON,
)


def read_nats_bench(
    folder: str | Path, dataset: str = "cifar10", *, epochs: int = 200, indices: Iterable[int] | None = None
) -> ReferenceTable:
    """Reads an unpacked `NATS-tss-v1_0-3ffb9-simple` archive; `ghn.tables.nats.read_archive` says what comes of it.

    All 15,625 take minutes. For CIFAR-100 and ImageNet16-120 the 200-epoch trainings hold validation after the last
    epoch only, and so do the curves.

    Args:
        folder: with `meta.pickle.pbz2` and a `NNNNNN.pickle.pbz2` an architecture.
        dataset: "cifar10", "cifar100" or "ImageNet16-120".
        epochs: of the recipe, 200 or 12.
        indices: of the architectures wanted; None for all that the folder holds.

    Raises:
        MissingExtraError: `nats-bench` is not installed.
        ConfigError: an unknown dataset or number of epochs.
        DataError: a file is missing, damaged, of another space, or not plain data.
    """
    return read_archive(_ARCHIVE, folder, dataset, epochs=epochs, indices=indices)


def read_meta(folder: str | Path) -> list[str]:
    """Reads the official list of architectures, whose places are their indices, from an unpacked archive.

    Raises:
        DataError: `meta.pickle.pbz2` is missing, damaged, or not of all cells.
    """
    folder = Path(folder)
    return check_listing(folder / "meta.pickle.pbz2", names_of(_ARCHIVE, folder))


def read_analog_nasbench(path: str | Path | None = None) -> ReferenceTable:
    """Reads the CIFAR-10 accuracies of all 15,625 NAS-Bench-201 cells from the package analog-nasbench.

    What the number is, as far as the publisher's training script and the figures themselves tell: the *test* accuracy
    of one training (one seed) of 200 epochs on all 50,000 training images in the benchmark's own skeleton, averaged
    over 25 passes over the 10,000 test images *with random crops and flips*; all but two of the values are multiples of
    0.0004 points accordingly. There are no validation accuracies and no curves.

    Args:
        path: the package's `data.anb`; None finds the installed one, without importing the package.

    Raises:
        MissingExtraError: the package is not installed.
        DataError: the file is damaged, names foreign globals, or is not a table of all cells.
    """
    file = _installed_data() if path is None else Path(path)
    records = restricted_load(file, _ANALOG_GLOBALS)
    if not isinstance(records, dict) or set(records) != set(
        itertools.product(range(len(OPERATIONS)), repeat=len(EDGES))
    ):
        raise DataError(
            f"{file}: not a table of all NAS-Bench-201 cells",
            got=f"{len(records)} entries" if isinstance(records, dict) else type(records).__name__,
            expected=f"{len(OPERATIONS) ** len(EDGES)} tuples of 6 numbers",
        )
    runs = []
    for cell, record in records.items():
        fields = record.fields if isinstance(record, Record) else {}
        percent, named = fields.get("baseline_accuracy"), fields.get("architecture")
        if type(named) is not tuple or named != cell or not isinstance(percent, float) or not 0 <= percent <= 100:
            raise DataError(
                f"{file}: a malformed entry for {cell}", got=fields, expected="a baseline_accuracy in percent"
            )
        # rounded to what 250,000 test images can tell, so that equal counts stay ties
        runs.append(Run(format_cell(cell_of_numbers(cell)), seed=0, test_accuracy=round(percent / 100, 8)))
    versions = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    if importlib.util.find_spec("analognasbench") is not None:
        versions["analog-nasbench"] = importlib.metadata.version("analog-nasbench")
    header = TableHeader(
        space="nasbench201",
        task="cifar10",
        skeleton={"input_shape": [3, 32, 32], "classes": 10, **_SKELETON},
        recipe=recipe(200, "random flip and crop (4 pixels of padding); in test too, mean of 25 passes"),
        versions=versions,
        source="AnalogNAS-Bench (arXiv 2506.18495), baseline_accuracy in PyPI analog-nasbench",
    )
    return ReferenceTable(header, tuple(runs))


def _installed_data() -> Path:
    # finding the spec of a top-level package does not execute it; importing it would want pandas and pkg_resources
    spec = importlib.util.find_spec("analognasbench")
    if spec is None or not spec.submodule_search_locations:
        raise missing("analog-nasbench", "nasbench", "the table of all NAS-Bench-201 cells' accuracies")
    return Path(spec.submodule_search_locations[0]) / "data.anb"
