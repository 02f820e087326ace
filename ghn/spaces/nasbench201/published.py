"""Published tables of NAS-Bench-201, and the distinct networks in them.

Source: "AnalogNAS-Bench: A NAS Benchmark for Analog In-Memory Computing", arXiv 2506.18495, 2025, whose
ordinary digital trainings of all 15,625 cells come in the PyPI package analog-nasbench.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from ghn.errors import DataError, MissingExtraError
from ghn.spaces.nasbench201.nats import read_nats_bench
from ghn.tables.lookup import TableEstimator
from ghn.tables.pickles import Record, restricted_load
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.types import Space, Trial

__all__ = ["DistinctSpace", "distinct_references", "read_analog_nasbench", "read_nats_bench"]

_OPS = (
    "skip_connect",
    "none",
    "nor_conv_3x3",
    "nor_conv_1x1",
    "avg_pool_3x3",
)  # the package's numbers 0 to 4
_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))  # its order, which is not the official string's
_CELLS = len(_OPS) ** len(_EDGES)


_ANALOG_GLOBALS = {("analognasbench.data", name): Record for name in ("Architecture", "DriftMeasurement")}


class DistinctSpace(Space[Any], Protocol):
    """A space that knows one representative of each function it computes."""

    def distinct(self) -> Iterable[Any]:
        """The representatives, chosen without looking at accuracies."""
        ...


def read_analog_nasbench(path: str | Path | None = None) -> ReferenceTable:
    """Reads the CIFAR-10 accuracies of all 15,625 NAS-Bench-201 cells from the package analog-nasbench.

    What the number is, as far as the publisher's training script and the figures themselves tell: the *test*
    accuracy of one training (one seed) of 200 epochs on all 50,000 training images in the benchmark's own
    skeleton, averaged over 25 passes over the 10,000 test images *with random crops and flips*; all but two
    of the values are multiples of 0.0004 points accordingly. There are no validation accuracies and no
    curves.

    Args:
        path: the package's `data.anb`; None finds the installed one, without importing the package.

    Raises:
        MissingExtraError: the package is not installed.
        DataError: the file is damaged, names foreign globals, or is not a table of all cells.
    """
    file = _installed_data() if path is None else Path(path)
    records = restricted_load(file, _ANALOG_GLOBALS)
    if not isinstance(records, dict) or set(records) != set(itertools.product(range(len(_OPS)), repeat=len(_EDGES))):
        got = f"{len(records)} entries" if isinstance(records, dict) else type(records).__name__
        raise DataError(
            f"{file}: not a table of all NAS-Bench-201 cells",
            got=got,
            expected=f"{_CELLS} tuples of 6 numbers",
        )
    runs = []
    for cell, record in records.items():
        fields = record.fields if isinstance(record, Record) else {}
        percent, named = fields.get("baseline_accuracy"), fields.get("architecture")
        if type(named) is not tuple or named != cell or not isinstance(percent, float) or not 0 <= percent <= 100:
            raise DataError(
                f"{file}: a malformed entry for {cell}", got=fields, expected="a baseline_accuracy in percent"
            )
        # Rounded to what 250,000 test images can tell, so that equal counts stay ties.
        runs.append(Run(_official(cell), seed=0, test_accuracy=round(percent / 100, 8)))
    return ReferenceTable(_analog_header(file), tuple(runs))


def distinct_references(space: DistinctSpace, table: ReferenceTable, metric: str = "test_accuracy") -> dict[str, float]:
    """One architecture for each distinct function of a space, with the mean reading of all runs that compute
    it.

    Args:
        space: chooses the representatives (`distinct`) and says which architectures are equal (`canonical`).
        table: the references; functions that it lacks are left out.
        metric: one of `METRICS`.

    Returns:
        Official string -> mean, in the order of the strings: 4,930 for all of NAS-Bench-201.
    """
    trials = [Trial(text, space.parse(text)) for text in sorted(space.format(arch) for arch in space.distinct())]
    scores = TableEstimator(table, space, metric=metric).score(trials)
    return {trial.id: score.value for trial, score in zip(trials, scores, strict=True) if score.ok}


def _installed_data() -> Path:
    # Finding the spec of a top-level package does not execute it; importing it would want pandas and
    # pkg_resources.
    spec = importlib.util.find_spec("analognasbench")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "the accuracies of all NAS-Bench-201 cells are in analog-nasbench, which is not installed",
            fix="pip install 'ghn[nasbench]'  (or pip install --no-deps analog-nasbench==0.1.3)",
        )
    return Path(spec.submodule_search_locations[0]) / "data.anb"


def _official(cell: tuple[int, ...]) -> str:
    ops = dict(zip(_EDGES, (_OPS[i] for i in cell), strict=True))
    nodes = ("|".join(f"{ops[source, node]}~{source}" for source in range(node)) for node in (1, 2, 3))
    return "+".join(f"|{node}|" for node in nodes)


def _analog_header(file: Path) -> TableHeader:
    versions = {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    if importlib.util.find_spec("analognasbench") is not None:
        versions["analog-nasbench"] = importlib.metadata.version("analog-nasbench")
    return TableHeader(
        space="nasbench201",
        task="cifar10",
        skeleton={"input_shape": [3, 32, 32], "classes": 10, "width": 16, "depth": 5},
        recipe={
            "epochs": 200,
            "optimizer": "SGD, Nesterov momentum 0.9, weight decay 5e-4, learning rate 0.1 to 0 by cosine",
            "batch": 256,
            "augmentation": "random flip and crop (4 pixels of padding); in test too, mean of 25 passes",
        },
        versions=versions,
        source="AnalogNAS-Bench (arXiv 2506.18495), baseline_accuracy in PyPI analog-nasbench",
    )
