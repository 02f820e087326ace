"""TFRecord files: written here by their definition, and by TensorBoard where it is installed."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from ghn.errors import DataError
from ghn.tables.tfrecords import LARGEST, masked_crc, read_records

RECORDS = [b"one", b"", b"\x00\xff" * 300]


def frame(data: bytes) -> bytes:
    length = struct.pack("<Q", len(data))
    return length + struct.pack("<I", masked_crc(length)) + data + struct.pack("<I", masked_crc(data))


def test_the_checksum_is_the_masked_castagnoli_one() -> None:
    crc = 0xE3069283  # of these digits: RFC 3720 and every implementation
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_records_come_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "some.tfrecord"
    path.write_bytes(b"".join(map(frame, RECORDS)))
    assert list(read_records(path)) == [(f"{path}, record {i}", data) for i, data in enumerate(RECORDS, start=1)]
    path.write_bytes(b"")
    assert list(read_records(path)) == []


def test_what_tensorboard_writes_is_read(tmp_path: Path) -> None:
    writer = pytest.importorskip("tensorboard.summary.writer.record_writer")
    path = tmp_path / "some.tfrecord"
    with path.open("wb") as file:
        out = writer.RecordWriter(file)
        for data in RECORDS:
            out.write(data)
        out.flush()
        assert [data for _, data in read_records(path)] == RECORDS


def test_the_record_that_is_cut_off_damaged_or_too_large_is_named(tmp_path: Path) -> None:
    whole, path = b"".join(map(frame, RECORDS)), tmp_path / "some.tfrecord"
    second = len(frame(RECORDS[0]))

    def reading(data: bytes) -> list[tuple[str, bytes]]:
        path.write_bytes(data)
        return list(read_records(path))

    for cut in (second + 5, second + 13, len(whole) - 1):
        with pytest.raises(DataError, match=rf"some.tfrecord, record {2 if cut < len(whole) - 1 else 3} is cut off"):
            reading(whole[:cut])
    for at in (second - 1, second - 5, 0, 9):  # checksum and bytes of the first record, its length and the checksum
        with pytest.raises(DataError, match="record 1 is damaged"):
            reading(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    length = struct.pack("<Q", LARGEST + 1)
    with pytest.raises(DataError, match="record 4 is too large"):
        reading(whole + length + struct.pack("<I", masked_crc(length)))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_records(tmp_path / "nowhere.tfrecord"))
