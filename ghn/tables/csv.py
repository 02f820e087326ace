"""CSV that users bring, learning curves among it, read with its places: what is wrong is said with line and column."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ghn.errors import DataError
from ghn.reading import read_text, reading
from ghn.tables.curves import Curves, Floats

FIX = "check the path, and save the table as CSV (UTF-8, commas between cells)"
MOST_CELLS = 1 << 26
EMPTY = "leave the cell empty where nothing is known"
Rows = list[tuple[int, list[str]]]  # the line at which a row begins, and its cells without the blanks around them


def read_rows(path: Path, expected: str) -> Rows:
    """Reads the rows of a UTF-8 file that are not blank; a DataError where it is missing or not CSV says the line."""
    rows: Rows = []
    line = 0
    with reading(f"{path} cannot be read as CSV", expected=expected, fix=FIX):
        reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True, skipinitialspace=True)
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                rows.append((line + 1, [cell.strip() for cell in cells]))
            line = reader.line_num  # of the row's end: quoted cells may hold line breaks
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV, line {line + 1}", got=str(error), expected=expected, fix=FIX
        ) from None
    return rows


def check_cells(path: Path, rows: int, columns: int) -> None:
    """A DataError for a table that is mostly empty, and would take more memory than its file lets expect."""
    if rows * columns > MOST_CELLS:
        expected = f"at most {MOST_CELLS} cells"
        raise DataError(f"{path} is too large", got=f"{rows} rows of {columns} columns", expected=expected, fix=FIX)


def read_number(where: str, cell: str, expected: str, fix: str = EMPTY) -> float:
    """Reads a finite number; NaN for an empty cell, a DataError with its place for text, NaN or an infinity."""
    if not cell:
        return math.nan
    value = _number(cell)
    if not math.isfinite(value):
        plain = cell.rstrip("% ").replace(",", ".")  # a percent sign, or the comma of many languages
        fix = f"write {plain}" if plain != cell and math.isfinite(_number(plain)) else fix
        raise DataError(where, got=cell, expected=expected, fix=fix)
    return value


def _number(text: str) -> float:
    """A number, or NaN for text that is none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


FORMAT = "first column a name or architecture, then the validation accuracy after epoch 1, 2, ...; empty: not observed"
NAMES = ("", "name", "arch", "architecture", "id", "index", "run", "model", "network")  # of the first column
ACCURACY = "an accuracy, a fraction in [0, 1] or percent in [0, 100]"


def read_curves_csv(path: str | Path) -> Curves:
    """Reads validation accuracies, fractions or percent, as fractions.

    One value above 1 makes all of them percent. A first line that begins with one of `NAMES`, or holds no number beside
    its first cell, is a header; its other cells are the epochs. Without one they are 1, 2, 3... Rows may end early, and
    cells may be empty: not observed yet. Rows of the same name are runs of the same architecture.

    Raises:
        DataError: the file is missing, or not so; says the line and the column.
    """
    path = Path(path)
    rows = read_rows(path, FORMAT)
    header = rows.pop(0) if rows and _is_header(rows[0][1]) else None
    width = max((len(cells) for _, cells in rows), default=0) - 1
    if width < 1:
        raise DataError(f"{path} holds no learning curves", got=f"{len(rows)} rows", expected=FORMAT)
    epochs = _epochs(path, header, width)
    check_cells(path, len(rows), len(epochs))
    values = np.full((len(rows), len(epochs)), np.nan)
    for i, (line, cells) in enumerate(rows):
        if not cells[0]:
            raise DataError(f"{path}, line {line}, column 1", got="nothing", expected="a name or an architecture")
        if len(cells) - 1 > len(epochs) and any(cells[len(epochs) + 1 :]):
            raise DataError(f"{path}, line {line}", got=f"{len(cells) - 1} values", expected=f"at most {len(epochs)}")
        for j, cell in enumerate(cells[1 : len(epochs) + 1]):
            where = f"{path}, line {line}, column {j + 2}"
            values[i, j] = value = read_number(where, cell, ACCURACY)
            if value < 0 or value > 100:
                raise DataError(where, got=cell, expected=ACCURACY, fix="give accuracies, not losses or errors")
    return Curves(tuple(cells[0] for _, cells in rows), tuple(epochs), _fractions(path, rows, values))


def _is_header(cells: Sequence[str]) -> bool:
    """Whether a first line names its columns; a single text among numbers is a wrong number."""
    others = [cell for cell in cells[1:] if cell]
    return cells[0].lower() in NAMES or (
        bool(others) and all(math.isnan(_number(cell.rstrip("% "))) for cell in others)
    )


def _fractions(path: Path, rows: Rows, values: Floats) -> Floats:
    """Values [n, epochs] as fractions; a DataError where some rows are in percent and others in fractions."""
    percent = (values > 1).any(axis=1)
    if not percent.any():
        return values
    fraction = ~percent & (values > 0).any(axis=1)  # curves in percent may begin below one, but hardly stay there
    if fraction.any():
        lines = [rows[int(which.argmax())][0] for which in (percent, fraction)]
        raise DataError(
            f"{path}: percent and fractions are mixed, or a curve stays below one percent",
            got=f"percent in line {lines[0]}, fractions in line {lines[1]}",
            expected="all of one kind",
            fix="write all accuracies as fractions",
        )
    return values / 100


def epoch_number(name: str) -> int | None:
    """The epoch that a column's name says: `3`, `epoch 3` or `epoch_3`; None for another name."""
    text = name.lower().removeprefix("epoch").strip(" _")
    return int(text) if text.isdecimal() and len(text) < 10 and int(text) > 0 else None


def _epochs(path: Path, header: tuple[int, list[str]] | None, width: int) -> list[int]:
    if header is None:
        return list(range(1, width + 1))
    line, cells = header
    epochs: list[int] = []
    for column, cell in enumerate(cells[1:], start=2):
        epoch = epoch_number(cell)
        if epoch is None or (epochs and epoch <= epochs[-1]):
            expected = "rising epochs from 1, such as 1 or epoch_1"
            fix = "leave other columns out, and put epochs in order"
            raise DataError(f"{path}, line {line}, column {column}", got=cell or "nothing", expected=expected, fix=fix)
        epochs.append(epoch)
    if not epochs:
        raise DataError(f"{path}, line {line}", got="a header without epochs", expected=FORMAT)
    return epochs
