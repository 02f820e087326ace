"""The file of a reference table: JSON lines, a header first, then one line per finished training.

    {"schema": "ghn.references/1", "space": "nasbench201", "skeleton": {...}, "task": ..., "recipe": {...}}
    {"arch": "|...|", "seed": 0, "train_loss": [...], "val_accuracy": [...], "test_accuracy": 0.71, ...}
    {"end": 144}

The last line counts the runs of a finished table, so a cut file is noticed; it comes when the job is done.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import fields
from typing import Any

from ghn.errors import DataError
from ghn.estimators.table_row import Run, TableHeader, header_problem, run_problem

SCHEMA = "ghn.references/1"


def encode_header(header: TableHeader) -> str:
    """The header as one line."""
    return json.dumps({"schema": SCHEMA} | {f.name: getattr(header, f.name) for f in fields(header)}, allow_nan=False)


def encode_run(run: Run) -> str:
    """A run as one line; what is empty or usual is left out."""
    row = {f.name: getattr(run, f.name) for f in fields(run)}
    if run.epochs == tuple(range(1, len(run.epochs) + 1)):
        del row["epochs"]
    empty = [name for name, value in row.items() if value is None or (isinstance(value, tuple) and not value)]
    return json.dumps({name: row[name] for name in row if name not in empty}, allow_nan=False)


def decode(data: bytes, where: str, *, resume: bool = False) -> tuple[TableHeader, list[Run], int]:
    """Validates a whole file.

    Args:
        data: its bytes.
        where: its name, for messages.
        resume: take an unfinished table too, and drop a torn last line (of a job killed while writing) with a
            warning; otherwise both are refused.

    Returns:
        The header, the runs, and how many bytes of the file hold them.

    Raises:
        DataError: truncated, foreign, duplicated or non-finite, with the line and the field.
    """
    lines = data.splitlines(keepends=True)
    header = _header(_object(lines[0] if lines else b"", f"{where}, line 1"), f"{where}, line 1")
    runs: list[Run] = []
    seen: dict[tuple[str, int], int] = {}
    keep = len(lines[0])
    for number, line in enumerate(lines[1:], start=2):
        place = f"{where}, line {number}"
        if number == len(lines) and not line.endswith(b"\n") and not _is_json(line):
            if not resume:
                raise _torn(place, line)
            warnings.warn(f"{place}: dropped, it was cut while being written", stacklevel=3)
            break
        row = _object(line, place)
        if "end" in row:
            _check_end(row, number == len(lines), len(runs), place)
            return header, runs, keep
        run = _run(row, place)
        if (run.arch, run.seed) in seen:
            raise DataError(
                f"{place}, fields arch and seed: this run is in line {seen[run.arch, run.seed]} already",
                got=f"{run.arch} with seed {run.seed}",
                fix="remove one of the two lines",
            )
        seen[run.arch, run.seed] = number
        runs.append(run)
        keep += len(line)
    if not resume:
        raise _endless(where, len(lines), len(runs))
    return header, runs, keep


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def _object(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{place}: not JSON", got=_short(line), expected=f"a line of a {SCHEMA} table ({error})"
        ) from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: not an object", got=_short(line), expected='{"arch": ..., "seed": ..., ...}')
    return row


def _header(row: dict[str, Any], place: str) -> TableHeader:
    if row.get("schema") != SCHEMA:
        raise DataError(
            f"{place}, field schema: not a reference table that this version reads",
            got=row.get("schema", "no such field"),
            expected=SCHEMA,
        )
    row = {k: v for k, v in row.items() if k != "schema"}
    if problem := header_problem(row):
        raise DataError(f"{place}, field {problem.field}", got=problem.got, expected=problem.expected)
    return TableHeader(**row)


def _run(row: dict[str, Any], place: str) -> Run:
    if problem := run_problem(row):
        raise DataError(f"{place}, field {problem.field}", got=problem.got, expected=problem.expected)
    return Run(**row)


def _check_end(row: dict[str, Any], is_last: bool, runs: int, place: str) -> None:
    if not is_last:
        raise DataError(
            f"{place}, field end: the table goes on after its end", fix="two tables in one file: split them"
        )
    if row != {"end": runs}:
        raise DataError(f"{place}, field end: runs are missing or added", got=f"{runs} runs", expected=row)


def _endless(where: str, lines: int, runs: int) -> DataError:
    return DataError(
        f"{where}, line {lines}: the table is truncated, or its job has not finished",
        got=f"{runs} runs and no end line",
        expected='a last line such as {"end": 144}',
        fix="load with resume=True to read what is there; save() writes a finished table",
    )


def _torn(place: str, line: bytes) -> DataError:
    return DataError(
        f"{place}: the file is truncated in the middle of a line",
        got=_short(line),
        fix="a job was killed while writing: go on with it, or load with resume=True, which drops the line",
    )


def _short(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    return repr(text if len(text) <= 80 else f"{text[:60]}...{text[-15:]}")
