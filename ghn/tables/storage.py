"""The file of a reference table: JSON lines, a header first, then one line a finished training.

    {"schema": "ghn.references/1", "space": ..., "skeleton": {...}, "task": ..., "recipe": {...}}
    {"arch": "...", "seed": 0, "train_loss": [...], "val_accuracy": [...], "test_accuracy": 0.71, ...}
    {"end": 144}

The last line counts the runs of a finished table, so a cut file is noticed; it comes when the job is done. Tables are
read, written whole, or appended to by jobs that may be killed at any moment. Whoever makes, appends, finishes or
replaces one holds its lock; readers need none, as the file is there before and after.
"""

from __future__ import annotations

import gzip
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from ghn.errors import ConfigError, DataError, ExistsError
from ghn.files import GrowingFile, write_atomic
from ghn.lines import Torn, each_line, encode_line, shortened
from ghn.locks import file_locked
from ghn.reading import read_bytes, read_unpacked, reading, there_is
from ghn.tables.rows import Run, TableHeader

SCHEMA = "ghn.references/1"
Row = TypeVar("Row", Run, TableHeader)


def encode_header(header: TableHeader) -> str:
    """The header as one line, with its end."""
    return encode_line({"schema": SCHEMA} | asdict(header), allow_nan=False)


def encode_run(run: Run) -> str:
    """A run as one line, with its end; what is empty or usual is left out."""
    row = asdict(run)
    if run.epochs == tuple(range(1, len(run.epochs) + 1)):
        del row["epochs"]
    return encode_line({name: value for name, value in row.items() if value not in (None, ())}, allow_nan=False)


def decode(data: bytes, where: str, *, resume: bool = False) -> tuple[TableHeader, list[Run], int]:
    """The header and the runs of a whole file, validated, and how many of its bytes hold them.

    With `resume`, an unfinished table is taken too, and a torn last line (of a job killed while writing) dropped with a
    warning; otherwise both are refused.

    Raises:
        DataError: truncated, foreign, duplicated or non-finite, with the line and the field.
    """
    header: TableHeader | None = None
    runs: list[Run] = []
    seen: dict[tuple[str, int], int] = {}
    keep, torn = 0, None
    for line in each_line(data, where, f"a {SCHEMA} table", fix=None):
        if isinstance(line, Torn):
            torn = line
            break
        place = f"{where}, line {line.number}"
        row = _object(line.row, place)
        if header is None:
            header = _header(row, place)
        elif "end" in row:
            _check_end(row, line.end == len(data), len(runs), place)
            return header, runs, keep
        else:
            runs.append(_new_run(row, seen, place, line.number))
        keep = line.end
    if header is None:
        got = shortened(torn.text) if torn else "nothing"
        raise DataError(f"{where}, line 1: not JSON", got=got, expected=f"a {SCHEMA} table")
    _check_unfinished(where, torn, len(runs), resume)
    return header, runs, keep


def _new_run(row: dict[str, Any], seen: dict[tuple[str, int], int], place: str, number: int) -> Run:
    """The run of a line that is `seen` in none before."""
    run = _made(Run, row, place)
    if (run.arch, run.seed) in seen:
        raise DataError(
            f"{place}, fields arch and seed: this run is in line {seen[run.arch, run.seed]} already",
            got=f"{run.arch} with seed {run.seed}",
            fix="remove one of the two lines",
        )
    seen[run.arch, run.seed] = number
    return run


def _check_unfinished(where: str, torn: Torn | None, runs: int, resume: bool) -> None:
    """Refuses a table without its end, or, with `resume`, warns of a line that was dropped."""
    if resume and torn:
        warnings.warn(f"{where}, line {torn.number}: dropped, it was cut while being written", stacklevel=4)
    elif torn:
        raise DataError(
            f"{where}, line {torn.number}: the file is truncated in the middle of a line",
            got=shortened(torn.text),
            fix="a job was killed while writing: go on with it, or load with resume=True, which drops the line",
        )
    elif not resume:
        raise DataError(
            f"{where}, line {runs + 1}: the table is truncated, or its job has not finished",
            got=f"{runs} runs and no end line",
            expected='a last line such as {"end": 144}',
            fix="load with resume=True to read what is there; save() writes a finished table",
        )


def _object(row: Any, place: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise DataError(f"{place}: not an object", got=str(row)[:80], expected='{"arch": ..., "seed": ..., ...}')
    return row


def _header(row: dict[str, Any], place: str) -> TableHeader:
    schema = row.pop("schema", "no such field")
    if schema != SCHEMA:
        what = f"{place}, field schema: not a reference table that this version reads"
        raise DataError(what, got=schema, expected=SCHEMA)
    return _made(TableHeader, row, place)


def _made(kind: type[Row], row: dict[str, Any], place: str) -> Row:
    try:
        return kind(**row)
    except DataError as error:
        raise DataError(f"{place}, {error}") from None


def _check_end(row: dict[str, Any], is_last: bool, runs: int, place: str) -> None:
    if not is_last:
        fix = "two tables in one file: split them"
        raise DataError(f"{place}, field end: the table goes on after its end", fix=fix)
    if row != {"end": runs}:
        raise DataError(f"{place}, field end: runs are missing or added", got=f"{runs} runs", expected=row)


def read_file(path: Path, *, resume: bool = False) -> tuple[TableHeader, list[Run]]:
    """Reads a table, gzipped when its name ends in `.gz`; see `decode`."""
    if not there_is(path):
        raise DataError(f"there is no reference table at {path}", fix="check the path, or train one: job=references")
    what = f"{path}: damaged or truncated gzip" if path.suffix == ".gz" else f"{path} cannot be read"
    with reading(what, fix="get the file again"):
        data = read_unpacked(path)
    return decode(data, str(path), resume=resume)[:2]


def write_file(path: Path, header: TableHeader, runs: Sequence[Run], *, overwrite: bool) -> None:
    """Writes a finished table, atomically; an ExistsError unless a file that exists may be overwritten."""
    with file_locked(path):
        if path.exists() and not overwrite:
            raise ExistsError(f"{path} exists", fix="choose another name, or pass overwrite=True")
        _write(path, header, runs, finished=True)


def begin_file(path: Path, header: TableHeader) -> None:
    """Makes an empty table to append to, where there is none."""
    with file_locked(path):
        if not path.exists():
            _write(path, header, (), finished=False)


def finish_file(path: Path) -> tuple[TableHeader, list[Run]]:
    """Ends a table, with all that anyone has appended until then; what it holds.

    Raises:
        DataError: it is missing, or not valid.
    """
    with file_locked(path):
        header, runs = read_file(path, resume=True)
        _write(path, header, runs, finished=True)
    return header, runs


def _write(path: Path, header: TableHeader, runs: Sequence[Run], *, finished: bool) -> None:
    lines = [encode_header(header), *map(encode_run, runs)]
    if finished:
        lines.append(encode_line({"end": len(runs)}))
    data = "".join(lines).encode()
    # No time in the gzip header: the same table gives the same bytes.
    write_atomic(path, gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)


def append_run(path: str | Path, run: Run) -> None:
    """Appends a finished training to a table; on return it is on disk. Several processes may append at once.

    What a killed writer left of a line is removed first, with a warning; so is the end of a finished table.

    Raises:
        DataError: there is no table, it is not valid, or the run is in it already.
        ConfigError: the table is compressed.
        WriteError: the disk is full, or the table cannot be written.
    """
    path = Path(path)
    if path.suffix == ".gz":
        fix = "append to a .jsonl, and save it as .gz at the end"
        raise ConfigError("runs are appended to plain tables only", got=str(path), fix=fix)
    if not path.exists():
        fix = "start one with ReferenceTable.resume(path, header)"
        raise DataError(f"there is no reference table at {path}", fix=fix)
    with file_locked(path):
        with reading(f"{path} cannot be read"):
            data = read_bytes(path)
        _, runs, keep = decode(data, str(path), resume=True)
        if any((old.arch, old.seed) == (run.arch, run.seed) for old in runs):
            raise DataError(f"{path} holds this run already", got=f"{run.arch} with seed {run.seed}")
        with closing(GrowingFile(path, keep)) as file:
            file.write(encode_run(run))
            file.sync()
