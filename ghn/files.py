"""The files that ghn writes: whole or not at all, JSON lines that a kill may tear, and the JSON of frozen results."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import IO, Any, ClassVar, Self, get_args, get_origin, get_type_hints

import numpy as np

from ghn.disk import writing
from ghn.errors import DataError, GhnError, check_settings
from ghn.lines import FIX, decode_line, encode_line, parse_lines
from ghn.locks import file_locked, lock_of, temporary
from ghn.reading import read_bytes, reading, there_is


@contextmanager
def replacing(path: Path | str) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `path` once it is whole and on disk.

    Readers, and whatever comes after a kill, see the old file or the new one. After an error the old one is still there
    and nothing lies beside it. Folders are made when missing.

    Raises:
        WriteError: the disk is full, or something stands in the way.
    """
    path = Path(path)
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    unfinished = temporary(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        except BaseException:
            with suppress(OSError):  # the first error says what is wrong
                unfinished.unlink(missing_ok=True)
            raise


def write_atomic(path: Path | str, content: bytes | str) -> None:
    """Writes a file, as `replacing` does; text as UTF-8 with the ends of lines that it has.

    Halves of surrogate pairs, which UTF-8 has not, become escapes, which JSON reads.
    """
    with replacing(path) as file:
        file.write(content.encode(errors="backslashreplace") if isinstance(content, str) else content)


class GrowingFile:
    """A file that grows by whole lines: what cannot be written whole is taken back, and what is written is not moved.

    Args:
        path: of the file, made with its folders when missing.
        whole: bytes of it that are kept, which are lines, the last of them perhaps without its end.

    Raises:
        WriteError: the disk is full, or something stands in the way; here and in each method.
    """

    def __init__(self, path: Path | str, whole: int) -> None:
        self._path = Path(path)
        with writing(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b", buffering=0)
            try:
                self._file.truncate(whole)
                if whole and not self._ends_a_line():
                    self.write("\n")
            except BaseException:
                self._file.close()
                raise

    def write(self, text: str) -> None:
        """Adds lines; on return the operating system has them."""
        data = memoryview(text.encode())
        with writing(self._path):
            before = os.fstat(self._file.fileno()).st_size
            try:
                while data:
                    data = data[self._file.write(data) :]
            except BaseException:
                with suppress(OSError):  # then a torn line is left, which whoever goes on drops
                    self._file.truncate(before)
                raise

    def drop_torn(self) -> None:
        """Takes away what another writer, which was killed, left of a line."""
        with writing(self._path):
            if not self._ends_a_line():
                self._file.seek(0)
                before, end, torn = self._file.read().rpartition(b"\n")
                self._file.truncate(len(before + end))
                with suppress(ValueError):  # the end of the line alone is missing
                    decode_line(torn)
                    self.write(f"{torn.decode()}\n")

    def _ends_a_line(self) -> bool:
        self._file.seek(-1, os.SEEK_END)
        return self._file.read() == b"\n"

    def sync(self) -> None:
        """Waits until the disk has what was written."""
        with writing(self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with writing(self._path):
            self._file.close()


class JsonLines:
    """A JSON-lines file that begins with what its content depends on, appended to by runs that may be killed.

    It is made, with its folders, when missing; `content` says in messages what its lines are. `rows` are the whole
    lines found below the header, with their numbers; one torn by a kill is dropped. It has one writer, until `close`;
    or several, where it is `shared`: each adds its lines under the lock of the file, and reads those of others when it
    opens the file.

    Raises:
        DataError: the file is foreign or damaged, or was made with other settings.
        ExistsError: another run writes into it.
        WriteError: the disk is full, or something stands in the way.
    """

    def __init__(
        self, path: Path | str, schema: str, identity: Mapping[str, Any], content: str, *, shared: bool = False
    ) -> None:
        self.path, self._content, self._shared, self._held = Path(path), content, shared, ""
        self.rows: list[tuple[int, Any]] = []
        header = {"schema": schema, "identity": json.loads(json.dumps(identity))}
        unreadable = f"{self.path} cannot be read as a file of {content}"
        with reading(unreadable, fix=FIX), writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = lock_of(self.path, wait=shared)
        try:
            with reading(unreadable, fix=FIX), writing(self.path):
                data = read_bytes(self.path) if there_is(self.path) else b""
            whole = self._read(data, header)
            self._file = GrowingFile(self.path, whole)  # a line that a kill tore is written anew
            if not whole:
                self._file.write(encode_line(header))
        except BaseException:
            self._lock.release()
            raise
        if shared:
            self._lock.release()

    def append(self, row: Mapping[str, Any], *, sync: bool = False) -> None:
        """Writes a line; on return the operating system has it, with `sync` the disk.

        Raises:
            WriteError: it cannot be written; lines that were kept back are then forgotten with it.
        """
        self.hold(row)
        self._write_held()
        if sync:
            self._file.sync()

    def hold(self, row: Mapping[str, Any]) -> None:
        """Keeps a line back until the next is written or the file is closed."""
        self._held += encode_line(row)

    def drop_held(self) -> None:
        """Forgets the lines that were kept back."""
        self._held = ""

    def close(self) -> None:
        """Closes the file; everything is on disk then."""
        try:
            self._write_held()
            self._file.sync()
        finally:
            self._file.close()
            self._lock.release()

    def _write_held(self) -> None:
        lines, self._held = self._held, ""
        if not lines:
            return
        with file_locked(self.path) if self._shared else nullcontext():
            if self._shared:
                self._file.drop_torn()
            self._file.write(lines)

    @contextmanager
    def reading(self, number: int, expected: str) -> Iterator[None]:
        """A guard around what reads the row of a line: a DataError where it is not what is expected."""
        what = f"{self.path}, line {number}: not {expected}"
        try:
            with reading(what, fix=FIX):
                yield
        except DataError:
            raise
        except GhnError as error:
            raise DataError(what, got=str(error), fix=FIX) from error

    def _read(self, data: bytes, header: dict[str, Any]) -> int:
        """Takes over the rows of the file; returns the length of its whole lines."""
        lines, torn = parse_lines(data, self.path, self._content)
        if lines:
            self._check(lines[0].row, header)
        elif not encode_line(header).encode().startswith(torn):  # not even the start of ours
            self._check(None, header)
        self.rows = [(line.number, line.row) for line in lines[1:]]
        return lines[-1].end if lines else 0

    def _check(self, row: Any, header: dict[str, Any]) -> None:
        if not isinstance(row, dict) or row.get("schema") != header["schema"]:
            raise DataError(f"{self.path} is not a file of {self._content}", expected=header["schema"], fix=FIX)
        fix = f"{FIX}, or go on with the same settings"
        check_settings(DataError, self.path, row.get("identity"), header["identity"], fix)


# --- the codec of frozen results: JSON without surprises, beneath a schema that is checked ---


class Stored:
    """A frozen dataclass with JSON of its own: its fields by name, beneath a schema.

    Attributes:
        SCHEMA: such as `ghn.bias/1`; changes when a key changes its meaning or goes away.
        KEYS: the page of the documentation that lists the keys.
    """

    __slots__ = ()
    SCHEMA: ClassVar[str]
    KEYS: ClassVar[str] = "docs/report.md"

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears (null does)."""
        found: dict[str, Any] = plain(self)
        return found

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, keys that are missing or unknown, or a value of another type.
        """
        with reading("the report's JSON is damaged", expected=f"keys of {cls.KEYS}"):
            found: Self = _built(cls, data, "")
        return found


def plain(value: Any) -> Any:
    """Dataclasses to dicts, tuples to lists, numpy's scalars to Python's, non-finite numbers to None."""
    if is_dataclass(value) and not isinstance(value, type):
        schema = {"schema": value.SCHEMA} if isinstance(value, Stored) else {}
        return schema | {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _built(cls: type[Any], data: Any, place: str) -> Any:
    """A dataclass from its fields; one with a constant default may be missing, as it was added later."""
    if not isinstance(data, Mapping):
        raise ValueError(f"{place or 'it'} is {str(data)[:40]!r}, no object")
    data = dict(data)
    if issubclass(cls, Stored) and (schema := data.pop("schema", None)) != cls.SCHEMA:
        raise DataError(
            "this is not a report that this version can read",
            got=f"schema {schema!r}",
            expected=f"schema {cls.SCHEMA!r}",
            fix="write it again with this version of ghn",
        )
    kinds, needed = _fields(cls)  # type: ignore[arg-type]
    missing, unknown = needed - set(data), set(data) - set(kinds)
    if missing or unknown:
        told = {"missing": missing, "unknown": unknown}
        words = [f"{what} {', '.join(sorted(map(str, keys)))}" for what, keys in told.items() if keys]
        raise ValueError(f"keys of {place or cls.__name__}: {'; '.join(words)}")
    return cls(**{key: _read(kinds[key], one, f"{place}.{key}".lstrip(".")) for key, one in data.items()})


@cache
def _fields(cls: type[Any]) -> tuple[dict[str, Any], frozenset[str]]:
    """The types of all fields, and the names of those that must be there."""
    hints, known = get_type_hints(cls), fields(cls)
    return {one.name: hints[one.name] for one in known}, frozenset(f.name for f in known if f.default is MISSING)


def _read(kind: Any, data: Any, place: str) -> Any:
    """A value of an annotated type; null stands for NaN where a number cannot be missing."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin is UnionType:  # something or None
        (some,) = (one for one in inner if one is not NoneType)
        return None if data is None else _read(some, data, place)
    if is_dataclass(kind):
        return _built(kind, data, place)  # type: ignore[arg-type]
    if origin in (tuple, list) and isinstance(data, list | tuple):
        return origin(_read(inner[0], one, f"{place}[{i}]") for i, one in enumerate(data))
    if origin is dict and isinstance(data, Mapping):
        return {_key(inner[0], key, place): _read(inner[1], one, f"{place}.{key}") for key, one in data.items()}
    if kind is float and data is None:
        return math.nan
    if type(data) is kind or (kind is float and type(data) is int):
        return data
    raise ValueError(f"{place} is {str(data)[:40]!r}, not of type {kind.__name__ if origin is None else kind}")


def _key(kind: Any, key: str, place: str) -> Any:
    """A key of a mapping, which is text in JSON."""
    try:
        return kind(key)
    except ValueError:
        raise ValueError(f"{place} has the key {key!r}, not of type {kind.__name__}") from None
