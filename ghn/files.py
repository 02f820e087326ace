"""The files that ghn writes: whole or not at all, and JSON lines that a kill may tear.

JSON without surprises: no NaN, no foreign types, and a schema that is checked on reading.
"""

from __future__ import annotations

import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

from ghn.errors import DataError, check_settings

FIX = "give another file to write to"


@contextmanager
def replacing(path: Path | str) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` once it is whole and on disk.

    Readers, and whatever comes after a kill, see the old file or the new one. After an error the old one is still there
    and nothing lies beside it. Folders are made when missing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomic(path: Path | str, content: bytes | str) -> None:
    """Writes a file, as `replacing` does; text as UTF-8 with the ends of lines that it has."""
    with replacing(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


class Line(NamedTuple):
    """A whole line of JSON: its number, counted from 1, its content, and where the line ends in the file, in bytes."""

    number: int
    row: Any
    end: int


def parse_lines(data: bytes, where: Path | str, content: str, fix: str | None = FIX) -> tuple[list[Line], bytes]:
    """Reads JSON lines.

    Args:
        data: of the file.
        where: its name, for messages.
        content: what the lines are, for messages.
        fix: what the user can do about a line that is not JSON.

    Returns:
        The lines, and what is left of one that was being written when its process was killed: the end of the file when
        it is neither terminated nor JSON.

    Raises:
        DataError: a line is not JSON.
    """
    found: list[Line] = []
    end = 0
    for number, line in enumerate(data.splitlines(keepends=True), start=1):
        end += len(line)
        try:
            found.append(Line(number, json.loads(line), end))
        except ValueError as error:
            if not line.endswith(b"\n"):
                return found, line
            raise DataError(
                f"{where}, line {number}: not JSON",
                got=shortened(line),
                expected=f"a line of {content} ({error})",
                fix=fix,
            ) from None
    return found, b""


def shortened(line: bytes) -> str:
    """The beginning of a line, for messages."""
    text = line.decode(errors="replace").strip()
    return text if len(text) <= 80 else f"{text[:80]}..."


class JsonLines:
    """A JSON-lines file that begins with what its content depends on, appended to by runs that may be killed.

    Args:
        path: of the file; made with its folders when missing.
        schema: of its lines, such as `ghn.scores/1`.
        identity: JSON-able; what the lines depend on. A file with another identity is refused.
        content: what the lines are, in messages.

    Attributes:
        rows: the whole lines found below the header, with their numbers; one torn by a kill is dropped.

    Raises:
        DataError: the file is foreign or damaged, or was made with other settings.
    """

    def __init__(self, path: Path | str, schema: str, identity: Mapping[str, Any], content: str) -> None:
        self.path, self._content = Path(path), content
        self.rows: list[tuple[int, Any]] = []
        header = {"schema": schema, "identity": json.loads(json.dumps(identity))}
        data = self.path.read_bytes() if self.path.exists() else b""
        whole = self._read(data, header)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a")
        self._file.truncate(whole)  # a line that a kill tore is written anew
        if not whole:
            self.append(header)
        elif not data[:whole].endswith(b"\n"):
            self._file.write("\n")

    def append(self, row: Mapping[str, Any], *, sync: bool = False) -> None:
        """Writes a line; on return the operating system has it, with `sync` the disk."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; everything is on disk then."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def damaged(self, number: int, error: Exception, expected: str) -> DataError:
        """The error of a line that is not what it should be."""
        return DataError(f"{self.path}, line {number}: not {expected}", got=repr(error), fix=FIX)

    def _read(self, data: bytes, header: dict[str, Any]) -> int:
        """Takes over the rows of the file; returns the length of its whole lines."""
        lines, torn = parse_lines(data, self.path, self._content)
        if lines:
            self._check(lines[0].row, header)
        elif not json.dumps(header).encode().startswith(torn):  # not even the start of ours
            self._check(None, header)
        self.rows = [(line.number, line.row) for line in lines[1:]]
        return lines[-1].end if lines else 0

    def _check(self, row: Any, header: dict[str, Any]) -> None:
        if not isinstance(row, dict) or row.get("schema") != header["schema"]:
            raise DataError(f"{self.path} is not a file of {self._content}", expected=header["schema"], fix=FIX)
        fix = f"{FIX}, or go on with the same settings"
        check_settings(DataError, self.path, row.get("identity"), header["identity"], fix)


# --- JSON without surprises: no NaN, no foreign types, and a schema that is checked on reading ---


def plain(value: Any) -> Any:
    """Tuples to lists, numpy scalars to Python's, non-finite numbers to None."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def check_schema(data: Mapping[str, Any], schema: str) -> None:
    """A DataError unless the JSON is of that schema."""
    if data.get("schema") != schema:
        raise DataError(
            "this is not a report that this version can read",
            got=f"schema {data.get('schema')!r}",
            expected=f"schema {schema!r}",
            fix="write it again with this version of ghn",
        )


def damaged(error: Exception, document: str = "docs/report.md") -> DataError:
    """The error for keys that are missing or unknown; `document` lists those that there are."""
    return DataError(
        "the report's JSON is damaged",
        got=f"{type(error).__name__}: {error}",
        expected=f"keys of {document}",
    )
