"""JSON lines that know their own checksum, so that a changed digit is noticed, and that a kill may tear."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from ghn.errors import DataError
from ghn.reading import from_json
from ghn.text import one_line

FIX = "give another file to write to"
_CHECKSUM = b', "crc": "'  # the last key of a line: the CRC-32 of the line without it, in 8 digits
_WHOLE = re.compile(rb', "crc": "[0-9a-f]{8}"\}.', re.DOTALL)  # a line that was written to its end, and more


class Line(NamedTuple):
    """A whole line of JSON: its number, counted from 1, its content, and where the line ends in the file, in bytes."""

    number: int
    row: Any
    end: int


class Torn(NamedTuple):
    """What is left of a line, of this number, that was being written when its process was killed."""

    number: int
    text: bytes


class _ChecksumError(ValueError):
    """The checksum in a line is not that of its content."""


def encode_line(row: Mapping[str, Any], *, allow_nan: bool = True) -> str:
    """A line of JSON, not of an empty object, with its checksum and its end."""
    text = json.dumps(row, allow_nan=allow_nan)
    return f'{text[:-1]}, "crc": "{crc32(text.encode()):08x}"}}\n'


def decode_line(line: bytes) -> Any:
    """What `encode_line` got; a line without a checksum, of an older version or changed by hand, is read as it is.

    Raises:
        ValueError: it is not JSON, or another line than was written.
    """
    content, mark, checksum = line.rstrip().rpartition(_CHECKSUM)
    if not mark or not checksum.endswith(b'"}'):
        row = from_json(line)
        if isinstance(row, dict) and "crc" in row:
            raise _ChecksumError("its checksum cannot be read: who changes a line leaves crc out")
        return row
    content += b"}"
    if checksum != b'%08x"}' % crc32(content):
        raise _ChecksumError("the checksum in it is not that of its content: who changes a line leaves crc out")
    return from_json(content)


def each_line(data: bytes, where: Path | str, content: str, fix: str | None = FIX) -> Iterator[Line | Torn]:
    """The lines of a file, one after the other; the last may be `Torn`.

    That is the end of the file when it is neither terminated nor JSON; any other line that is not JSON, or not what its
    checksum says, is a DataError. `content`, what the lines are, and `fix`, what the user can do, are for its message.
    """
    end = 0
    for number, line in enumerate(io.BytesIO(data), start=1):
        end += len(line)
        try:
            row = decode_line(line)
        except ValueError as error:
            wrong = "damaged" if isinstance(error, _ChecksumError) else "not JSON"
            if wrong == "not JSON" and not line.endswith(b"\n") and not _WHOLE.search(line):
                yield Torn(number, line)
                return
            what, expected = f"{where}, line {number}: {wrong}", f"a line of {content} ({error})"
            raise DataError(what, got=shortened(line), expected=expected, fix=fix) from None
        yield Line(number, row, end)


def parse_lines(data: bytes, where: Path | str, content: str, fix: str | None = FIX) -> tuple[list[Line], bytes]:
    """The lines of a file, as `each_line` gives them, and what is left of one that a kill tore."""
    found: list[Line] = []
    for line in each_line(data, where, content, fix):
        if isinstance(line, Torn):
            return found, line.text
        found.append(line)
    return found, b""


def shortened(line: bytes) -> str:
    """The beginning of a line, for messages."""
    return one_line(line[:400].decode(errors="replace"))
