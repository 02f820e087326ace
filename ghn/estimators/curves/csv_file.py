"""Learning curves in CSV: a row a run, a column an epoch."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np

from ghn.errors import DataError
from ghn.estimators.curves.data import Curves

FORMAT = "first column a name or architecture, then the validation accuracy after epoch 1, 2, ...; empty: not observed"


def read_curves_csv(path: str | Path) -> Curves:
    """Reads validation accuracies, fractions in [0, 1].

    A first line whose first cell is `name`, `arch`, `architecture` or `id` (or empty) is a header; its other cells are
    the epochs. Without one they are 1, 2, 3... Rows may end early, and cells may be empty: not observed yet. Rows of
    the same name are runs of the same architecture.

    Raises:
        DataError: the file is missing, or not so; says the line and the column.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(n, cells) for n, cells in enumerate(csv.reader(file), start=1) if any(c.strip() for c in cells)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as CSV", got=str(error), expected=FORMAT) from None
    header = None
    if rows and rows[0][1][0].strip().lower() in ("", "name", "arch", "architecture", "id"):
        header = rows.pop(0)
    width = max((len(cells) for _, cells in rows), default=0) - 1
    if width < 1:
        raise DataError(f"{path} holds no learning curves", got=f"{len(rows)} rows", expected=FORMAT)
    epochs = _epochs(path, header, width)
    values = np.full((len(rows), len(epochs)), np.nan)
    for i, (line, cells) in enumerate(rows):
        if not cells[0].strip():
            raise DataError(f"{path}, line {line}, column 1", got="nothing", expected="a name or an architecture")
        if len(cells) - 1 > len(epochs) and any(c.strip() for c in cells[len(epochs) + 1 :]):
            raise DataError(f"{path}, line {line}", got=f"{len(cells) - 1} values", expected=f"at most {len(epochs)}")
        for j, cell in enumerate(cells[1 : len(epochs) + 1]):
            values[i, j] = _accuracy(path, line, j + 2, cell)
    return Curves(tuple(cells[0].strip() for _, cells in rows), tuple(epochs), values)


def _epochs(path: Path, header: tuple[int, list[str]] | None, width: int) -> list[int]:
    if header is None:
        return list(range(1, width + 1))
    line, cells = header
    epochs: list[int] = []
    for column, cell in enumerate(cells[1:], start=2):
        text = cell.strip().lower().removeprefix("epoch").strip(" _")
        if not text.isdecimal() or int(text) <= (epochs[-1] if epochs else 0):
            raise DataError(f"{path}, line {line}, column {column}", got=cell, expected="rising epochs from 1")
        epochs.append(int(text))
    if not epochs:
        raise DataError(f"{path}, line {line}", got="a header without epochs", expected=FORMAT)
    return epochs


def _accuracy(path: Path, line: int, column: int, cell: str) -> float:
    if not cell.strip():
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:  # NaN too
        percent = "divide percent by 100" if 1 < value <= 100 else "leave the cell empty where nothing was observed"
        raise DataError(
            f"{path}, line {line}, column {column}", got=cell, expected="an accuracy in [0, 1]", fix=percent
        )
    return value
