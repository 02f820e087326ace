"""Files are written whole or not at all, and JSON lines survive a kill at any byte."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ghn.errors import DataError
from ghn.files import JsonLines, parse_lines, replacing, write_atomic


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
            assert [json.loads(line) for line in path.read_bytes().splitlines()[1:]] == [{"row": r} for r in range(3)]

    def test_other_files_are_left_alone(self, tmp_path: Path) -> None:
        for content in (b"hello\n", b"hello", b'{"schema": "other"}\n', b"\x00\xff"):
            path = tmp_path / "mine"
            path.write_bytes(content)
            with pytest.raises(DataError, match="mine"):
                JsonLines(path, "ghn.test/1", {}, "a test")
            assert path.read_bytes() == content
