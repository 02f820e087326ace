"""Reference tables on disk: read, written whole, or appended to by a job that may be killed at any moment."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ghn.errors import ConfigError, DataError, ExistsError
from ghn.estimators.table_codec import decode, encode_header, encode_run
from ghn.estimators.table_row import Run, TableHeader

try:
    import fcntl
except ImportError:  # Windows: one writer at a time, then
    fcntl = None  # type: ignore[assignment]


def read_file(path: Path, *, resume: bool = False) -> tuple[TableHeader, list[Run]]:
    """Reads a table, gzipped when its name ends in `.gz`; see `decode`."""
    if not path.exists():
        raise DataError(f"there is no reference table at {path}", fix="check the path, or train one: job=references")
    with path.open("rb") as file, _locked(file):
        data = file.read()
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise DataError(f"{path}: damaged or truncated gzip", got=str(error), fix="get the file again") from error
    header, runs, _ = decode(data, str(path), resume=resume)
    return header, runs


def write_file(path: Path, header: TableHeader, runs: Sequence[Run], *, finished: bool, overwrite: bool) -> None:
    """Writes a whole table, atomically.

    Raises:
        ExistsError: the file exists and `overwrite` is false.
    """
    if path.exists() and not overwrite:
        raise ExistsError(f"{path} exists", fix="choose another name, or pass overwrite=True")
    lines = [encode_header(header), *map(encode_run, runs)]
    if finished:
        lines.append(json.dumps({"end": len(runs)}))
    data = ("\n".join(lines) + "\n").encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    # No time in the gzip header: the same table gives the same bytes.
    part.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    part.replace(path)


def append_run(path: str | Path, run: Run) -> None:
    """Appends a finished training to a table; on return it is on disk. Several processes may append at once.

    What a killed writer left of a line is removed first, with a warning; so is the end of a finished table.

    Raises:
        DataError: there is no table, it is not valid, or the run is in it already.
        ConfigError: the table is compressed.
    """
    path = Path(path)
    if path.suffix == ".gz":
        raise ConfigError(
            "runs are appended to plain tables only",
            got=str(path),
            fix="append to a .jsonl, and save it as .gz at the end",
        )
    if not path.exists():
        raise DataError(
            f"there is no reference table at {path}", fix="start one with ReferenceTable.resume(path, header)"
        )
    with path.open("r+b") as file, _locked(file):
        data = file.read()
        _, runs, keep = decode(data, str(path), resume=True)
        if any((old.arch, old.seed) == (run.arch, run.seed) for old in runs):
            raise DataError(f"{path} holds this run already", got=f"{run.arch} with seed {run.seed}")
        start = b"" if data[:keep].endswith(b"\n") else b"\n"
        file.truncate(keep)
        file.seek(keep)
        file.write(start + encode_run(run).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _locked(file: IO[bytes]) -> Iterator[None]:
    if fcntl is None:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
