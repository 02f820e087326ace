"""Lines of JSON know whether they are what was written."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from pathlib import Path

import pytest

from ghn.errors import DataError
from ghn.files import JsonLines
from ghn.lines import decode_line, encode_line, parse_lines

ROW = {"id": "a", "value": 0.123456789, "extra": {"text": 'a "crc": "00000000"}'}, "list": [1, 2.5, None]}


def test_a_line_is_json_with_one_key_more() -> None:
    line = encode_line(ROW)
    assert line.endswith("}\n") and decode_line(line.encode()) == ROW
    assert json.loads(line) == ROW | {"crc": json.loads(line)["crc"]}


def test_lines_without_a_checksum_are_read_as_they_are() -> None:
    old = (json.dumps(ROW) + "\n").encode()
    rows = [line.row for line in parse_lines(old + encode_line({"b": 1}).encode() + old, "x", "a test")[0]]
    assert rows == [ROW, {"b": 1}, ROW]


def test_every_flipped_bit_is_said_or_changes_nothing() -> None:
    """Of 400 flipped bits of scores 92 were read as other digits."""
    line = encode_line({"id": "a", "value": 0.125}).encode()
    said = 0
    for place in range(len(line)):
        for bit in range(8):
            flipped = bytearray(line)
            flipped[place] ^= 1 << bit
            with suppress(DataError):
                (found, *_), _ = parse_lines(bytes(flipped) + line, "file.jsonl", "a test")
                assert {"id": "a", "value": 0.125}.items() <= found.row.items()  # in the name of the key itself
                continue
            said += 1
    assert said > 8 * (len(line) - 6)


def test_changed_by_hand() -> None:
    for line in (encode_line(ROW).replace("0.12", "0.13"), json.dumps(json.loads(encode_line(ROW)), separators=",:")):
        with pytest.raises(DataError, match=r"file, line 1: damaged(.|\n)*leaves crc out"):
            parse_lines(f"{line}\n".encode(), "file", "a test")


def test_a_last_line_that_lost_its_end_is_not_dropped(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "rows.jsonl", "ghn.test/1", {}, "a test")
    lines.append({"row": 1})
    lines.close()
    whole = (tmp_path / "rows.jsonl").read_bytes()
    for wrong in (whole[:-1] + b"\x00", whole[:-1] + b"*", whole.replace(b'"row": 1', b'"row": 2')):
        (tmp_path / "rows.jsonl").write_bytes(wrong)
        with pytest.raises(DataError, match="line 2"):
            JsonLines(tmp_path / "rows.jsonl", "ghn.test/1", {}, "a test")
        assert (tmp_path / "rows.jsonl").read_bytes() == wrong


@pytest.mark.parametrize("cut", range(1, 40, 3))
def test_what_a_kill_tore_is_no_damage(cut: int) -> None:
    first, second = encode_line({"row": 1}).encode(), encode_line({"row": random.Random(cut).random()}).encode()
    lines, torn = parse_lines(first + second[:-cut], "x", "a test")
    assert (len(lines), torn) == ((2, b"") if cut == 1 else (1, second[:-cut]))
