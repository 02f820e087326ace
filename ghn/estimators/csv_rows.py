"""CSV that users bring, read with its places, so that what is wrong is said with line and column."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from ghn.errors import DataError

FIX = "check the path, and save the table as CSV (UTF-8, commas between cells)"
EMPTY = "leave the cell empty where nothing is known"
Rows = list[tuple[int, list[str]]]  # the line at which a row begins, and its cells without the blanks around them


def read_rows(path: Path, expected: str) -> Rows:
    """Reads the rows of a file that are not blank.

    Args:
        path: of the file, UTF-8.
        expected: what the file should hold, for the error.

    Raises:
        DataError: the file is missing or not CSV; says the line.
    """
    rows: Rows = []
    line = 0
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file, strict=True, skipinitialspace=True)
            for cells in reader:
                if any(map(str.strip, cells)):
                    rows.append((line + 1, [cell.strip() for cell in cells]))
                line = reader.line_num  # of the row's end: quoted cells may hold line breaks
    except csv.Error as error:
        raise DataError(
            f"{path} cannot be read as CSV, line {line + 1}", got=str(error), expected=expected, fix=FIX
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as CSV", got=str(error), expected=expected, fix=FIX) from None
    return rows


def read_number(where: str, cell: str, expected: str, fix: str = EMPTY) -> float:
    """Reads a finite number; NaN for an empty cell.

    Args:
        where: file, line and column, for the error.
        cell: the text.
        expected: for the error.
        fix: for the error.

    Raises:
        DataError: text, NaN or an infinity.
    """
    if not cell:
        return math.nan
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        fix = f"write {cell.rstrip('% ')}" if cell.endswith("%") else fix
        raise DataError(where, got=cell, expected=expected, fix=fix)
    return value
