"""Reads TFRecord files: records one after the other, each with its length and two checksums.

A record is its length (8 bytes), the checksum of these (4), its bytes, and the checksum of those (4), little-endian. A
checksum is a CRC-32C (Castagnoli) in TensorFlow's masked form. Nothing of TensorFlow is needed.

Source: tensorflow.org/tutorials/load_data/tfrecord ("TFRecords format details"); RFC 3720, appendix B.4, for the CRC.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from ghn.errors import DataError
from ghn.reading import open_plain, reading

LARGEST = 1 << 16  # bytes of a record; the records of the tables that are read have some hundreds
_FIX = "download it again, and compare its size and SHA-256 with the publisher's"


def read_records(path: str | Path) -> Iterator[tuple[str, bytes]]:
    """Each record, with its place for messages: the file and the number of the record, counted from 1.

    Raises:
        DataError: the file is missing, cut off or damaged, or a record is larger than `LARGEST`; says which.
    """
    path = Path(path)
    with reading(f"{path} cannot be read"), open_plain(path) as file:
        number = 0
        while head := file.read(12):
            number += 1
            where = f"{path}, record {number}"
            length = _length(head, where)
            body = file.read(length + 4)
            if len(body) < length + 4:
                raise _cut_off(where, len(body), length + 4)
            if masked_crc(body[:-4]) != int.from_bytes(body[-4:], "little"):
                raise _damaged(where, "its bytes")
            yield where, body[:-4]


def masked_crc(data: bytes) -> int:
    """The checksum of some bytes as TFRecord files hold it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 255] ^ (crc >> 8)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _entry(byte: int) -> int:
    """What a byte does to a CRC-32C, whose polynomial is 0x1EDC6F41; reversed 0x82F63B78."""
    for _ in range(8):
        byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
    return byte


_TABLE = tuple(map(_entry, range(256)))


def _length(head: bytes, where: str) -> int:
    """The length of a record, from what stands before it."""
    if len(head) < 12:
        raise _cut_off(where, len(head), 12)
    length, checksum = struct.unpack("<QI", head)
    if masked_crc(head[:8]) != checksum:
        raise _damaged(where, "its length; perhaps it is no TFRecord file")
    if length > LARGEST:
        raise DataError(f"{where} is too large", got=f"{length} bytes", expected=f"at most {LARGEST}")
    return int(length)


def _cut_off(where: str, got: int, expected: int) -> DataError:
    return DataError(f"{where} is cut off", got=f"{got} bytes", expected=f"{expected}", fix=_FIX)


def _damaged(where: str, what: str) -> DataError:
    return DataError(f"{where} is damaged", got=f"another checksum of {what}", expected="the one in the file", fix=_FIX)
