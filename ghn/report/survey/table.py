"""A table that a user brings: networks, their accuracies, and what estimators of their own said of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import DataError
from ghn.estimators.csv_rows import read_rows
from ghn.estimators.curves.data import Curves, Floats
from ghn.ranking import MIN_ITEMS
from ghn.report.survey.cells import Cells
from ghn.report.survey.columns import FORMAT, read_header
from ghn.types import Space


@dataclass(frozen=True)
class UserTable:
    """Networks with their accuracies, and scores of estimators that the user ran.

    Attributes:
        name: of the file, without its ending.
        archs: official strings, as the space formats them, [n]; each function once.
        accuracy: fractions, [n]; the mean over the seeds of a network.
        unit: in which the file gave accuracies, `fraction` or `percent`.
        seeds: fractions, [n, s], NaN where missing; None with one accuracy a network.
        curves: validation accuracy by epoch, fractions; None when the file has none.
        scores: estimator -> [n], higher is better, NaN where it failed.
        seconds: estimator -> [n] seconds a network, NaN where unknown; None when none is known.
        warnings: what a reader must know.
    """

    name: str
    archs: tuple[str, ...]
    accuracy: Floats
    unit: str
    seeds: Floats | None
    curves: Curves | None
    scores: dict[str, Floats]
    seconds: dict[str, Floats | None]
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.archs)


def read_user_table(path: str | Path, space: Space[Any]) -> UserTable:
    """Reads a CSV with a header and a line a network; docs/own-data.md has the format.

    Args:
        path: of the file.
        space: of the architectures.

    Raises:
        DataError: the file is missing or not so; says line and column.
        ArchitectureError: an architecture is not of the space.
    """
    path = Path(path)
    rows = read_rows(path, FORMAT)
    if not rows:
        raise DataError(f"{path} is empty", got="no lines", expected=FORMAT, fix="see docs/own-data.md")
    columns = read_header(path, *rows.pop(0))
    cells = Cells(path, columns, rows)
    archs = cells.architectures(space)
    accuracies, curves, unit = cells.accuracies()
    if len(rows) < MIN_ITEMS:
        raise DataError(
            f"{path} holds too few networks",
            got=len(rows),
            expected=f"at least {MIN_ITEMS} to be ranked",
            fix="train more",
        )
    accuracy = np.nanmean(accuracies, axis=1)
    if np.ptp(accuracy) == 0:
        raise DataError(
            f"{path}: all accuracies are equal, so there is no order to recover",
            got=f"{len(rows)} times {accuracy[0]:g}",
            expected="at least two different values",
            fix="write more digits, or bring other networks",
        )
    scores = {name: cells.scores(name) for name in columns.scores}
    warnings = [
        f"{name} gives every network the same score: there is no order to measure."
        for name, values in scores.items()
        if np.nanmax(values) == np.nanmin(values)
    ]
    if columns.epochs and np.isnan(curves).all():
        warnings.append("The columns of epochs are empty: there are no learning curves.")
    return UserTable(
        name=path.stem,
        archs=tuple(archs),
        accuracy=accuracy,
        unit=unit,
        seeds=accuracies if accuracies.shape[1] > 1 else None,
        curves=None if np.isnan(curves).all() else Curves(tuple(archs), tuple(columns.epochs), curves),
        scores=scores,
        seconds={name: cells.seconds(name) for name in columns.scores},
        warnings=tuple(warnings),
    )
