"""Reads the published table of NAS-Bench-101: all 423,624 cells, each trained three times for each of four budgets.

`nasbench_only108.tfrecord` holds the trainings of 108 epochs, `nasbench_full.tfrecord` those of 4, 12 and 36 too. A
record is a JSON list: a hash, the epochs of the training, the adjacency matrix as digits row by row, the operations
between commas, and a `ModelMetrics` in base64. TensorFlow is not needed.

Source: Ying et al. 2019; github.com/google-research/nasbench: README.md, nasbench/api.py, and config.py for the recipe.
"""

from __future__ import annotations

import math
from base64 import b64decode
from collections import Counter
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ghn.errors import ConfigError, DataError
from ghn.reading import from_json
from ghn.spaces.nasbench101.cells import MAX_VERTICES, member_of_cell
from ghn.spaces.nasbench101.metrics import Evaluation, decode_metrics
from ghn.spaces.nasbench101.notation import cell_of_matrix
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.tables.tfrecords import read_records

EPOCHS = (4, 12, 36, 108)
SKELETON = {"input_shape": [3, 32, 32], "classes": 10, "width": 128, "depth": 3}
_CONTENT = "[hash, epochs, matrix, operations, metrics], as github.com/google-research/nasbench publishes them"


class Training(NamedTuple):
    """One training of one cell."""

    arch: str  # the cell's string, as the space formats it
    epochs: int  # one of `EPOCHS`
    params: int
    halfway: Evaluation
    final: Evaluation


def read_trainings(path: str | Path) -> Iterator[Training]:
    """Every training in a published file, in its order, in bounded memory. A file of 500 MB takes minutes.

    Raises:
        DataError: the file is missing, cut off or damaged, or a record is none of NAS-Bench-101; says which.
    """
    for where, data in read_records(path):
        try:
            training = _training(data)
        except Exception as error:  # damaged in dozens of ways; an ArchitectureError among them
            raise DataError(
                f"{where} is no training of NAS-Bench-101",
                got=f"{type(error).__name__}: {error}",
                expected=_CONTENT,
                fix="download it again",
            ) from error
        yield training


def read_nasbench101(
    path: str | Path, epochs: int = EPOCHS[-1], *, archs: Collection[str] | None = None
) -> ReferenceTable:
    """Reads a published file as a table: a run for each cell and repetition, whose number is its seed.

    A curve has two entries, halfway and at the end; seconds are those of the training alone. The accuracies are on
    10,000 images for validation and 10,000 for test; networks were trained on the other 40,000. All cells make
    1,270,872 runs, of about a gigabyte.

    Args:
        path: `nasbench_only108.tfrecord` or `nasbench_full.tfrecord`.
        epochs: of the trainings wanted, one of `EPOCHS`.
        archs: strings of the cells wanted, as the space formats them; None for all.

    Raises:
        ConfigError: no such number of epochs.
        DataError: as `read_trainings`; or the file has no training that is wanted.
    """
    if epochs not in EPOCHS:
        raise ConfigError("NAS-Bench-101 has no such trainings", got=f"epochs {epochs}", expected=f"one of {EPOCHS}")
    wanted, repeats, runs = None if archs is None else frozenset(archs), Counter[str](), []
    for training in read_trainings(path):
        if training.epochs == epochs and (wanted is None or training.arch in wanted):
            runs.append(_run(training, seed=repeats[training.arch]))
            repeats[training.arch] += 1
    if not runs:
        raise DataError(
            f"{path} has no training that is wanted",
            got=f"{epochs} epochs" + ("" if wanted is None else f", {len(wanted)} cells"),
            fix="nasbench_only108.tfrecord has those of 108 epochs alone",
        )
    return ReferenceTable(_header(epochs), tuple(runs))


def _training(data: bytes) -> Training:
    """The content of a record; a ValueError or TypeError where it is none."""
    _, epochs, matrix, operations, metrics = from_json(data)
    if epochs not in EPOCHS:
        raise ValueError(f"{epochs!r} epochs")
    if not isinstance(matrix, str) or not isinstance(operations, str):
        raise TypeError("matrix and operations are no texts")
    params, evaluations = decode_metrics(b64decode(metrics, validate=True))
    if len(evaluations) != 3:
        raise ValueError(f"{len(evaluations)} evaluations in place of 3: before the training, halfway and at its end")
    for one in evaluations:
        if not (math.isfinite(one.seconds) and one.seconds >= 0 and all(0 <= value <= 1 for value in one[1:])):
            raise ValueError(f"an evaluation out of range: {one}")
    return Training(_arch(matrix, operations), epochs, params, *evaluations[1:])


@lru_cache(maxsize=1 << 12)  # the repetitions of a cell
def _arch(matrix: str, operations: str) -> str:
    """The string of a cell from a record's matrix and operations."""
    ops = operations.split(",", MAX_VERTICES)
    rows = [matrix[i : i + len(ops)] for i in range(0, len(matrix), len(ops))]
    if set(matrix) - {"0", "1"}:
        raise ValueError(f"not digits of a matrix: {matrix[:60]!r}")
    return "|".join(member_of_cell(cell_of_matrix([list(map(int, row)) for row in rows], ops)))


def _run(training: Training, seed: int) -> Run:
    halfway, final = training.halfway, training.final
    return Run(
        training.arch,
        seed,
        train_accuracy=(_fraction(halfway.train_accuracy), _fraction(final.train_accuracy)),
        val_accuracy=(_fraction(halfway.val_accuracy), _fraction(final.val_accuracy)),
        test_accuracy=_fraction(final.test_accuracy),
        seconds=final.seconds,
        params=training.params,
        epochs=(training.epochs // 2, training.epochs),
    )


def _fraction(value: float) -> float:
    return round(value, 6)  # without the float32 noise of the file, which would break ties


def _header(epochs: int) -> TableHeader:
    recipe = {
        "epochs": epochs,
        "optimizer": "RMSProp, momentum 0.9, weight decay 1e-4, learning rate 0.2 to 0 by cosine",
        "batch": 256,
        "augmentation": "random flip, random crop with 4 pixels of padding",
        "images": "40,000 of the 50,000 for training",
    }
    source = "Ying et al., NAS-Bench-101, ICML 2019 (github.com/google-research/nasbench)"
    return TableHeader(space="nasbench101", task="cifar10", skeleton=SKELETON, recipe=recipe, source=source)
