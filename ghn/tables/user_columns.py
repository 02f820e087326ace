"""The header of a table that a user brings: which column holds what, and what is near a name that is unknown."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ghn.errors import ArchitectureError, DataError
from ghn.tables.csv import epoch_number
from ghn.types import Space

KNOWN = ("arch", "architecture", "accuracy", "accuracy_2", "epoch_1", "score:NAME", "seconds:NAME")
FORMAT = (
    "a header with arch and accuracy, perhaps accuracy_2, ..., epoch_1, ..., score:NAME, seconds:NAME; "
    "then a line a network, with commas between cells"
)


@dataclass(frozen=True, slots=True)
class Columns:
    """Positions of the columns, from 0.

    Attributes:
        names: as the header has them.
        arch: of the architectures.
        accuracies: the accuracies of one network, by rising number of their columns.
        epochs: epoch -> position, rising.
        scores: estimator -> position.
        seconds: estimator -> position.
    """

    names: tuple[str, ...]
    arch: int
    accuracies: tuple[int, ...]
    epochs: dict[int, int] = field(default_factory=dict)
    scores: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)


def read_header(path: Path, line: int, cells: Sequence[str], space: Space[Any]) -> Columns:
    """Reads a header.

    Args:
        path: of the file, for errors.
        line: of the header, for errors.
        cells: names of the columns.
        space: whose architectures are no names of columns.

    Raises:
        DataError: it is none, lacks a column, or has one twice or one that is unknown.
    """
    names = list(cells)
    while names and not names[-1]:
        names.pop()  # a comma at the end of the line
    where, found = f"{path}, line {line}", [_meaning(name) for name in names]
    if not any(found) and any(_is_data(name, space) for name in names):
        raise DataError(
            f"{where}: there is no header",
            got=",".join(names)[:80],
            expected=FORMAT,
            fix="name the columns in the first line",
        )
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
    if number != text and number.isdecimal() and int(number) > 1:
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
