"""Files are written whole or not at all, and JSON lines survive a kill at any byte."""

from __future__ import annotations

import errno
import os
from contextlib import closing
from pathlib import Path

import pytest
from room import no_room

from ghn.disk import FIXES, writing
from ghn.errors import DataError, WriteError
from ghn.files import JsonLines, replacing, write_atomic
from ghn.lines import encode_line, parse_lines


class TestWhole:
    def test_text_and_bytes_with_their_folders(self, tmp_path: Path) -> None:
        write_atomic(tmp_path / "a" / "b.txt", "one\r\nπ\n")
        assert (tmp_path / "a" / "b.txt").read_bytes() == "one\r\nπ\n".encode()
        write_atomic(str(tmp_path / "a" / "b.txt"), b"\x00")
        assert (tmp_path / "a" / "b.txt").read_bytes() == b"\x00"
        assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]

    def test_rights_are_those_of_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "usual").touch()
        write_atomic(tmp_path / "here", "x")
        assert (tmp_path / "here").stat().st_mode == (tmp_path / "usual").stat().st_mode

    @pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
    def test_an_error_leaves_the_old_file_and_no_litter(self, tmp_path: Path, error: type[BaseException]) -> None:
        path = tmp_path / "kept.json"
        write_atomic(path, "old")

        def write_half() -> None:
            with replacing(path) as file:
                file.write(b"half")
                raise error

        with pytest.raises(error):
            write_half()
        assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]

    def test_a_folder_in_its_place_is_an_error_without_litter(self, tmp_path: Path) -> None:
        (tmp_path / "folder").mkdir()
        with pytest.raises(OSError, match="folder"):
            write_atomic(tmp_path / "folder", "x")
        assert [p.name for p in tmp_path.iterdir()] == ["folder"]

    def test_what_has_no_name_is_a_folder_too(self) -> None:
        with pytest.raises(WriteError, match="a folder stands where a file should"):
            write_atomic("/", "new")

    def test_the_old_file_is_there_until_the_new_one_is_whole(self, tmp_path: Path) -> None:
        path = tmp_path / "x"
        write_atomic(path, "old")
        with replacing(path) as file:
            file.write(b"new")
            assert path.read_text() == "old"
        assert path.read_text() == "new"


class TestLines:
    def test_whole_lines_and_where_they_end(self) -> None:
        lines, torn = parse_lines(b'{"a": 1}\n[2]\n{"b"', "x", "a test")
        assert [(line.number, line.row, line.end) for line in lines] == [(1, {"a": 1}, 9), (2, [2], 13)]
        assert torn == b'{"b"'
        assert parse_lines(b'{"a": 1}', "x", "a test")[0][0].row == {"a": 1}
        assert parse_lines(b"", "x", "a test") == ([], b"")

    def test_damage_before_the_end_says_where(self) -> None:
        with pytest.raises(DataError, match=r"file\.jsonl, line 2: not JSON(.|\n)*half(.|\n)*a line of a test"):
            parse_lines(b'{"a": 1}\n{half\n{"a": 2}\n', "file.jsonl", "a test")

    def test_killed_at_any_byte(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        identity = {"weights": "abc"}
        first = JsonLines(path, "ghn.test/1", identity, "a test")
        for row in range(3):
            first.append({"row": row})
        first.close()
        whole = path.read_bytes()
        for cut in range(len(whole) + 1):
            path.write_bytes(whole[:cut])
            again = JsonLines(path, "ghn.test/1", identity, "a test")
            kept = [row["row"] for _, row in again.rows]
            assert kept == [0, 1, 2][: len(kept)]
            for row in range(len(kept), 3):
                again.append({"row": row})
            again.close()
            assert path.read_bytes() == whole

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        for content in (b"hello\n", b"hello", b'{"schema": "other"}\n', b"\x00\xff"):
            path = tmp_path / "mine"
            path.write_bytes(content)
            with pytest.raises(DataError, match="mine"):
                JsonLines(path, "ghn.test/1", {}, "a test")
            assert path.read_bytes() == content


class TestNoRoom:
    def test_a_whole_file_stays_as_it_was(self, tmp_path: Path) -> None:
        path = tmp_path / "kept.json"
        write_atomic(path, "old")
        with (
            no_room(1000),
            pytest.raises(WriteError, match=r"kept\.json cannot be written(.|\n)*too large(.|\n)*ulimit"),
        ):
            write_atomic(path, "x" * 1001)
        assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]

    def test_lines_are_whole_and_go_on(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        with closing(JsonLines(path, "ghn.test/1", {}, "a test")) as lines, no_room(400):
            lines.append({"row": 0})
            while os.path.getsize(path) <= 400 - len(encode_line({"row": 0})):
                lines.append({"row": len(path.read_bytes().splitlines()) - 1}, sync=True)
            with pytest.raises(WriteError):
                lines.append({"row": 99})
        whole = path.read_bytes()
        assert 370 < len(whole) <= 400 and whole.endswith(b"\n")
        with closing(JsonLines(path, "ghn.test/1", {}, "a test")) as lines:
            done = [row["row"] for _, row in lines.rows]
            lines.append({"row": len(done)})
        assert done == list(range(len(done))) and path.read_bytes().startswith(whole)

    def test_what_was_kept_back_is_not_written_after_a_line_that_was_not(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        with closing(JsonLines(path, "ghn.test/1", {}, "a test")) as lines:
            header = path.read_bytes()
            lines.hold({"row": 0})
            with no_room(len(header) + 20), pytest.raises(WriteError):
                lines.append({"row": 1})
        assert path.read_bytes() == header

    def test_what_is_no_file_is_said(self, tmp_path: Path) -> None:
        (tmp_path / "rows.jsonl").mkdir()
        (tmp_path / "file").touch()
        for path, number in (("rows.jsonl", errno.EISDIR), ("file/rows.jsonl", errno.ENOTDIR)):
            with pytest.raises(WriteError, match="stands where a") as error:
                JsonLines(tmp_path / path, "ghn.test/1", {}, "a test")
            assert error.value.errno in (number, errno.EEXIST)
        assert not list(tmp_path.glob("*.lock"))

    @pytest.mark.parametrize("number", FIXES)
    def test_every_reason_has_something_to_do(self, number: int) -> None:
        with pytest.raises(WriteError) as error, writing("out/log.jsonl"):
            raise OSError(number, os.strerror(number))
        assert error.value.errno == number and "out/log.jsonl" in str(error.value)
        assert error.value.got == os.strerror(number) and error.value.fix == FIXES[number]

    @pytest.mark.parametrize("error", [ConnectionError("away"), OSError("no number"), ValueError("x")])
    def test_what_is_not_the_disk_goes_through(self, error: Exception) -> None:
        with pytest.raises(type(error)) as raised, writing("x"):
            raise error
        assert raised.value is error
