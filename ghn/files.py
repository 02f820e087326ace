"""Files of JSON lines that begin with what their content depends on, appended to by runs that may be killed.

JSON without surprises: no NaN, no foreign types, and a schema that is checked on reading.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ghn.errors import DataError, check_settings

FIX = "give another file to write to"


class JsonLines:
    """A JSON-lines file with a header.

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
        whole = self._read(header) if self.path.exists() else 0
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("a")
        self._file.truncate(whole)  # a line that a kill tore is written anew
        if not whole:
            self.append(header)

    def append(self, row: Mapping[str, Any], *, sync: bool = False) -> None:
        """Writes a line; on return the operating system has it, with `sync` the disk."""
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        if sync:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Closes the file; everything is on disk then."""
        os.fsync(self._file.fileno())
        self._file.close()

    def damaged(self, number: int, error: Exception, expected: str) -> DataError:
        """The error of a line that is not what it should be."""
        return DataError(f"{self.path}, line {number}: not {expected}", got=repr(error), fix=FIX)

    def _read(self, header: dict[str, Any]) -> int:
        """Takes over the rows of the file; returns the length of its whole lines."""
        data = self.path.read_bytes()
        whole = data.rfind(b"\n") + 1
        if not whole and not json.dumps(header).encode().startswith(data):  # not even the start of ours
            self._check(None, header)
        for number, line in enumerate(data[:whole].splitlines(), start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise self.damaged(number, error, "JSON") from None
            if number == 1:
                self._check(row, header)
            else:
                self.rows.append((number, row))
        return whole

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
