"""Reads files that may be anything: as far as stated limits go, and with one error for whatever is wrong in them."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import json
import math
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from ghn.errors import DataError, GhnError

LARGEST = 1 << 30  # bytes of a file that is read whole, and of what it decompresses to
DOCUMENT = 1 << 28  # bytes of a JSON document, and of a text file
SWELLS = 100  # times a compressed file may grow; tables of numbers grow four- to tenfold
SMALL = 1 << 26  # bytes that any compressed file may grow to
CHUNK = 1 << 20  # bytes that are decompressed at once
VALUES = 1 << 23  # of a JSON document; each takes up to a hundred bytes of memory


@contextmanager
def reading(
    what: str, *, error: type[GhnError] = DataError, expected: object = None, fix: str | None = None
) -> Iterator[None]:
    """Turns whatever parsing raises into one error that says `what` is wrong, with the file, and what to do.

    A GhnError passes as it is: it says so already. Only what parses stands within, never a user's own code.
    """
    try:
        yield
    except GhnError:
        raise
    except Exception as problem:  # damaged files fail in dozens of ways, each library in its own
        raise error(what, got=reason(problem), expected=expected, fix=fix) from problem


def reason(problem: BaseException) -> str:
    """What went wrong, in words."""
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, MemoryError):
        return "it takes more memory than there is"
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror
    if isinstance(problem, json.JSONDecodeError | UnicodeError) or type(problem) is ValueError:
        return str(problem)
    return f"{type(problem).__name__}: {problem}"


def there_is(path: Path | str) -> bool:
    """Whether there is something at a path; nothing is at what cannot be a path, such as one of 5,000 characters."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path | str) -> bool:
    """Whether there is a folder at a path."""
    return there_is(path) and Path(path).is_dir()


def is_file(path: Path | str) -> bool:
    """Whether there is a file, or a device or pipe, at a path: something that `read_bytes` says more of."""
    return there_is(path) and not is_folder(path)


def open_plain(path: Path | str) -> IO[bytes]:
    """Opens a regular file: reading a device or a pipe may never end.

    Raises:
        OSError or ValueError: it cannot be opened, or is something else; for `reading`.
    """
    path = Path(path)
    kind = path.stat().st_mode
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, "a folder, not a file", str(path))
    if not stat.S_ISREG(kind):
        raise ValueError("not a regular file, but a device or a pipe")
    return path.open("rb")


def read_bytes(path: Path | str, largest: int = LARGEST) -> bytes:
    """Reads a regular file of at most `largest` bytes.

    Raises:
        OSError or ValueError: it cannot be read, is something else, or larger; for `reading`.
    """
    with open_plain(path) as file:
        return _within(file, largest, os.fstat(file.fileno()).st_size + 1)


def read_text(path: Path | str, largest: int = DOCUMENT) -> str:
    """Reads a text file in UTF-8, as `read_bytes` does; a UnicodeError is a ValueError."""
    return read_bytes(path, largest).decode("utf-8-sig")


def read_json(path: Path | str, largest: int = DOCUMENT) -> Any:
    """Reads a JSON document, as `read_bytes` and `from_json` do."""
    return from_json(read_bytes(path, largest))


def read_unpacked(path: Path | str, largest: int = LARGEST) -> bytes:
    """Reads a file, decompressed where its name ends in `gz` or `bz2`, as far as it grows `SWELLS`-fold.

    Raises:
        OSError, EOFError, ValueError, zlib.error: it cannot be read or decompressed, or is larger; for `reading`.
    """
    path = Path(path)
    data = read_bytes(path, largest)
    opened: Any
    if path.suffix.endswith("gz"):
        opened = gzip.GzipFile(fileobj=io.BytesIO(data))
    elif path.suffix.endswith("bz2"):
        opened = bz2.BZ2File(io.BytesIO(data))
    else:
        return data
    with opened as file:
        return _within(file, min(largest, max(SMALL, SWELLS * len(data))), when=" once it is decompressed")


def _within(file: IO[bytes], largest: int, part: int = CHUNK, when: str = "") -> bytes:
    """All of a file, a part after the other: to read so many bytes at once takes their memory, be they there or not."""
    parts, left = list[bytes](), largest + 1
    while left and (read := file.read(min(part, left))):
        parts.append(read)
        left -= len(read)
    if not left:
        raise ValueError(f"too large: more than {largest} bytes{when}")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def from_json(text: str | bytes) -> Any:
    """`json.loads` of text from elsewhere: a JSONDecodeError for all that it cannot be made of.

    That is what is malformed, nested too deeply, or of more than `VALUES` values, and whole numbers of thousands of
    digits.
    """
    marks: tuple[Any, ...] = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    if len(text) > VALUES and sum(map(text.count, marks)) > VALUES:
        raise json.JSONDecodeError(f"more than {VALUES} values", "", 0)
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise
    except RecursionError:
        raise json.JSONDecodeError("nested too deeply", "", 0) from None
    except ValueError as error:  # a number of too many digits, or no UTF-8
        raise json.JSONDecodeError(str(error), "", 0) from None


def read_npz(source: Path | str | bytes, largest: int = LARGEST) -> dict[str, np.ndarray]:
    """Reads the arrays of numbers and texts of an npz file; what each header says is checked before memory is taken.

    Raises:
        OSError, ValueError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error: it is damaged, holds something
            else, or more than `largest` bytes, or swells; for `reading`.
    """
    data = source if isinstance(source, bytes) else read_bytes(source, largest)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        total = sum(member.file_size for member in packed.infolist())
        if total > min(largest, max(SMALL, SWELLS * len(data))):
            raise ValueError(f"arrays of {total} bytes in a file of {len(data)}")
        found = {}
        for member in packed.infolist():
            with packed.open(member) as file:
                found[member.filename.removesuffix(".npy")] = _array(file, member.file_size)
        return found


def _array(file: IO[bytes], size: int) -> np.ndarray:
    """An array from what `numpy.save` wrote."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array file of version {version}")
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, in_columns, dtype = read(file)
    if dtype.hasobject or dtype.names:
        raise ValueError(f"an array of {dtype}")
    if (needed := math.prod(shape) * dtype.itemsize) > size:
        raise ValueError(f"an array of {needed} bytes in {size}")
    values = bytearray(file.read())  # to the end: checks its checksum
    if len(values) != needed:
        raise ValueError(f"{len(values)} bytes in place of {needed}")
    return np.frombuffer(values, dtype).reshape(shape, order="F" if in_columns else "C")
