"""A table that a user brings: networks, their accuracies, and what estimators of their own said of them.

Read and checked a column at a time; everything wrong is said with file, line and column.
"""

from __future__ import annotations

import difflib
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.display import brief
from ghn.errors import ArchitectureError, DataError
from ghn.tables.csv import ACCURACY, EMPTY, Rows, check_cells, epoch_number, read_number, read_rows
from ghn.tables.curves import Curves, Floats
from ghn.tables.twins import Functions
from ghn.types import Reference, Space

NOT_LOSSES = "give accuracies, not losses or errors"
NEEDED = "leave networks without an accuracy out"
KNOWN = ("arch", "architecture", "accuracy", "accuracy_2", "epoch_1", "score:NAME", "seconds:NAME")
FORMAT = (
    "a header with arch and accuracy, perhaps accuracy_2, ..., epoch_1, ..., score:NAME, seconds:NAME; "
    "then a line a network, with commas between cells"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns, from 0: by rising number of accuracy, by rising epoch, and by estimator."""

    names: tuple[str, ...]
    arch: int
    accuracies: tuple[int, ...]
    epochs: dict[int, int]
    scores: dict[str, int]
    seconds: dict[str, int]


def read_header(path: Path, line: int, cells: Sequence[str], space: Space[Any]) -> Columns:
    """Reads a header; a DataError where it is none, lacks a column, or has one twice or one that is unknown."""
    names = list(cells)
    while names and not names[-1]:
        names.pop()  # a comma at the end of the line
    where, found = f"{path}, line {line}", [_meaning(name) for name in names]
    if not any(found) and any(_is_data(name, space) for name in names):
        fix = "name the columns in the first line"
        raise DataError(f"{where}: there is no header", got=",".join(names)[:80], expected=FORMAT, fix=fix)
    places: dict[str, dict[int | str, int]] = {kind: {} for kind in ("arch", "accuracy", "epoch", "score", "seconds")}
    for position, (name, meaning) in enumerate(zip(names, found, strict=True)):
        here = f"{where}, column {position + 1}"
        if meaning is None:
            raise DataError(f"{here}: unknown column", got=name, expected=" | ".join(KNOWN), fix=_near(name, names))
        kind, key = meaning
        if (first := places[kind].setdefault(key, position)) != position:
            raise DataError(
                f"{here}: a column is there twice",
                got=f"{names[first]} in column {first + 1}, {name} in column {position + 1}",
                expected="each column once",
                fix="remove or rename one of them",
            )
    for kind in ("arch", "accuracy"):
        if 1 not in places[kind]:
            raise DataError(f"{where}: there is no column {kind}", got=",".join(names), expected=FORMAT, fix="add it")
    scores, seconds = ({str(n): i for n, i in places[kind].items()} for kind in ("score", "seconds"))
    _check_seconds(where, scores, seconds)
    numbered = {kind: sorted((int(n), i) for n, i in places[kind].items()) for kind in ("accuracy", "epoch")}
    accuracies = tuple(i for _, i in numbered["accuracy"])
    return Columns(tuple(names), places["arch"][1], accuracies, dict(numbered["epoch"]), scores, seconds)


def _check_seconds(where: str, scores: dict[str, int], seconds: dict[str, int]) -> None:
    """A DataError for seconds of an estimator that has no scores."""
    if lonely := [name for name in seconds if name not in scores]:
        close = difflib.get_close_matches(lonely[0], list(scores), n=1)
        raise DataError(
            f"{where}, column {seconds[lonely[0]] + 1}: seconds of an estimator without scores",
            got=f"seconds:{lonely[0]}",
            expected=f"a column score:{lonely[0]} beside it",
            fix=f"did you mean seconds:{close[0]}?" if close else f"add score:{lonely[0]}, or remove the column",
        )


def _meaning(name: str) -> tuple[str, int | str] | None:
    """The kind of a column, and its number or its estimator; None when it is unknown."""
    text = name.lower()
    if text in ("arch", "architecture"):
        return "arch", 1
    if text == "accuracy":
        return "accuracy", 1
    number = text.removeprefix("accuracy_")
    if number != text and number.isdecimal() and len(number) < 10 and int(number) > 1:
        return "accuracy", int(number)
    if text.startswith("epoch") and (epoch := epoch_number(text)) is not None:
        return "epoch", epoch
    kind, _, estimator = name.partition(":")
    if kind.strip().lower() in ("score", "seconds") and estimator.strip():
        return kind.strip().lower(), estimator.strip()
    return None


def _is_data(cell: str, space: Space[Any]) -> bool:
    """Whether a cell is an architecture or a number."""
    try:
        space.parse(cell)
    except ArchitectureError:
        return cell.replace(".", "", 1).isdecimal()
    return True


def _near(name: str, names: Sequence[str]) -> str:
    """What to do about an unknown column; those that are there are not what it was meant to be."""
    if not name:
        return "name the column; pandas: to_csv(..., index=False)"
    if any(mark in name for mark in ";\t"):
        return "put commas between cells"
    if name.lower() in ("score", "seconds", "score:", "seconds:"):
        return f"name the estimator: {name.lower().rstrip(':')}:NAME"
    there = set(map(_meaning, names))
    absent = [known for known in KNOWN if _meaning(known) not in there]
    if close := difflib.get_close_matches(name.lower(), absent, n=1, cutoff=0.5):
        return f"did you mean {close[0]}?"
    return f"remove the column, or name it score:{name} if it holds scores of an estimator"


@dataclass(frozen=True, slots=True)
class Cells:
    """The rows under a header; everything wrong with a cell is said with its place."""

    path: Path
    columns: Columns
    rows: Rows

    def __post_init__(self) -> None:
        width = len(self.columns.names)
        for line, cells in self.rows:
            if any(cells[width:]):
                raise DataError(
                    f"{self.path}, line {line}: more cells than the header has columns",
                    got=f"{len(cells)} cells",
                    expected=f"{width}",
                    fix='put "quotes" around architectures that contain commas',
                )

    def where(self, row: int, column: int) -> str:
        """File, line and column of a cell."""
        return f"{self.path}, line {self.rows[row][0]}, column {column + 1} ({self.columns.names[column]})"

    def cell(self, row: int, column: int) -> str:
        """The text of a cell; a row may end early."""
        cells = self.rows[row][1]
        return cells[column] if column < len(cells) else ""

    def wrong(self, row: int, column: int, expected: str, fix: str) -> DataError:
        """The error of a cell."""
        return DataError(self.where(row, column), got=self.cell(row, column) or "nothing", expected=expected, fix=fix)

    def numbers(self, column: int, expected: str, fix: str = EMPTY) -> Floats:
        """A column, [n]; NaN where it is empty."""
        cells = [self.cell(i, column) for i in range(len(self.rows))]
        return np.array([read_number(self.where(i, column), cell, expected, fix) for i, cell in enumerate(cells)])

    def architectures(self, space: Space[Any]) -> tuple[list[str], list[Hashable]]:
        """The official string of each row, and a key that rows of one function share."""
        found: list[str] = []
        keys: list[Hashable] = []
        for i in range(len(self.rows)):
            text = self.cell(i, self.columns.arch)
            if not text:
                raise self.wrong(i, self.columns.arch, f"an architecture of the space {space.name}", "remove the line")
            try:
                arch = space.parse(text)
                keys.append(space.canonical(arch))
            except ArchitectureError as error:
                what = f"{self.where(i, self.columns.arch)} is not of the space {space.name}, which space=NAME sets"
                raise ArchitectureError(f"{what}: {error}") from None
            found.append(space.format(arch))
        return found, keys

    def accuracies(self) -> tuple[Floats, Floats, str]:
        """Accuracies [n, s] and curves [n, epochs] as fractions, and their unit in the file."""
        own = len(self.columns.accuracies)
        columns = (*self.columns.accuracies, *self.columns.epochs.values())
        read = [self.numbers(c, ACCURACY, NEEDED if i == 0 else EMPTY) for i, c in enumerate(columns)]
        values = np.stack(read, axis=1)
        wrong = (values < 0) | (values > 100)
        wrong[:, 0] |= np.isnan(values[:, 0])
        if wrong.any():
            row, k = np.argwhere(wrong)[0]
            raise self.wrong(row, columns[k], ACCURACY, NOT_LOSSES if self.cell(row, columns[k]) else NEEDED)
        percent, fraction = values > 1, (values > 0) & (values < 1)
        if percent[:, own:].any():
            fraction[:, own:] = False  # first epochs may be below one percent
        if not percent.any():
            return values[:, :own], values[:, own:], "fraction"
        if fraction.any():
            places = [(row, columns[k]) for row, k in (np.argwhere(percent)[0], np.argwhere(fraction)[0])]
            raise DataError(
                f"{self.path}: percent and fractions are mixed, or an accuracy is below one percent",
                got=" and ".join(f"{self.cell(*p)} in {self.where(*p)}" for p in places),
                expected="all of one kind",
                fix="write all accuracies as fractions",
            )
        return values[:, :own] / 100, values[:, own:] / 100, "percent"

    def scores(self, name: str) -> Floats:
        """Scores of an estimator, [n]."""
        column = self.columns.scores[name]
        values = self.numbers(column, "a finite score, higher is better")
        if np.isnan(values).all():
            raise DataError(
                f"{self.path}, column {column + 1} ({self.columns.names[column]}) holds no score",
                got=f"{len(values)} empty cells",
                expected="a score of each network that did not fail",
                fix="remove the column",
            )
        return values

    def seconds(self, name: str) -> Floats | None:
        """Seconds that an estimator took for each network, [n]; None when none is known."""
        if (column := self.columns.seconds.get(name)) is None:
            return None
        values = self.numbers(column, "seconds, 0 or more")
        if (values < 0).any():
            raise self.wrong(int((values < 0).argmax()), column, "seconds, 0 or more", EMPTY)
        return None if np.isnan(values).all() else values


@brief
@dataclass(frozen=True)
class UserTable:
    """Networks with their accuracies, and scores of estimators that the user ran; named after the file.

    `archs` [n] are official strings, as the space formats them, each function once. All accuracies are fractions,
    whatever the file's `unit`: `fraction` or `percent`. `accuracy` [n] is the mean over `seeds` [n, s] (NaN where
    missing; None with one a network). `scores` [n] are higher is better, NaN where an estimator failed, `seconds` [n] a
    network, NaN where unknown, None when none is known. `warnings` are what a reader must know.
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

    def reference(self) -> Reference:
        """Its accuracies, as reports show them."""
        seeds = {} if self.seeds is None else dict(zip(self.archs, self.seeds.tolist(), strict=True))
        return Reference(self.name, "accuracy", dict(zip(self.archs, self.accuracy.tolist(), strict=True)), seeds)


def read_user_table(path: str | Path, space: Space[Any], *, twins: str = "mean") -> UserTable:
    """Reads a CSV with a header and a line a network of a space; docs/own-table.md has the format.

    Args:
        path: of the file.
        space: of its architectures.
        twins: what is done with rows that compute one function: `mean` makes them one network with the means of their
            columns, `first` keeps the first of them, `refuse` raises. The first two say so in `warnings`.

    Raises:
        DataError: the file is missing or not so; says line and column.
        ArchitectureError: an architecture is not of the space.
        ConfigError: another way with twins.
    """
    path = Path(path)
    rows = read_rows(path, FORMAT)
    if not rows:
        raise DataError(f"{path} is empty", got="no lines", expected=FORMAT, fix="see docs/own-table.md")
    columns = read_header(path, *rows.pop(0), space)
    check_cells(path, len(rows), len(columns.names))
    cells = Cells(path, columns, rows)
    texts, keys = cells.architectures(space)
    functions = Functions.of(keys, twins)
    warnings = [said] if (said := functions.check(str(path), [line for line, _ in rows], texts)) else []
    archs = tuple(texts[i] for i in functions.firsts)
    every, every_curve, unit = cells.accuracies()
    accuracies, curves = functions.merged(every), functions.merged_curves(every_curve)
    accuracy = np.nanmean(accuracies, axis=1)
    _check_order(path, accuracy)
    scores = {name: functions.merged(cells.scores(name)) for name in columns.scores}
    seconds = {name: cells.seconds(name) for name in columns.scores}
    warnings += [
        f"{name} gives every network the same score: there is no order to measure."
        for name, values in scores.items()
        if np.nanmax(values) == np.nanmin(values)
    ]
    if columns.epochs and np.isnan(curves).all():
        warnings.append("The columns of epochs are empty: there are no learning curves.")
    return UserTable(
        name=path.stem,
        archs=archs,
        accuracy=accuracy,
        unit=unit,
        seeds=accuracies if accuracies.shape[1] > 1 else None,
        curves=None if np.isnan(curves).all() else Curves(archs, tuple(columns.epochs), curves),
        scores=scores,
        seconds={name: None if own is None else functions.merged(own) for name, own in seconds.items()},
        warnings=tuple(warnings),
    )


def _check_order(path: Path, accuracy: Floats) -> None:
    """A DataError for accuracies [n] in which there is no order to recover."""
    if len(accuracy) < MIN_ITEMS:
        expected = f"at least {MIN_ITEMS} to be ranked"
        raise DataError(f"{path} holds too few networks", got=len(accuracy), expected=expected, fix="train more")
    if np.ptp(accuracy) == 0:
        raise DataError(
            f"{path}: all accuracies are equal, so there is no order to recover",
            got=f"{len(accuracy)} times {accuracy[0]:g}",
            expected="at least two different values",
            fix="write more digits, or bring other networks",
        )
