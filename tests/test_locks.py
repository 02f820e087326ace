"""A folder has one writer, a file too, and both are free again when that one is dead; what it left is swept."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ghn.errors import ExistsError, WriteError
from ghn.files import JsonLines
from ghn.locks import LOCK, file_locked, holds_results, locked, sweep, sweep_shared

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked here")


@pytest.fixture
def fork() -> Iterator[Callable[..., tuple[int, int]]]:
    """Runs a function in forked processes, which are killed at the end; it is given a pipe to speak into, and an exit
    status of 0 means that it raised nothing. Returns its process and the other end of the pipe.
    """
    begun = []

    def start(work: Callable[[int], Any]) -> tuple[int, int]:
        hear, say = os.pipe()
        if (pid := os.fork()) == 0:
            try:
                work(say)
                os._exit(0)
            except ExistsError:
                os._exit(1)
            finally:
                os._exit(2)
        os.close(say)
        begun.append((pid, hear))
        return pid, hear

    yield start
    for pid, hear in begun:
        os.close(hear)
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass


def hold(folder: Path, then: Callable[[], None] = lambda: None) -> Callable[[int], None]:
    """What keeps a folder for ever."""

    def work(say: int) -> None:
        with locked(folder):
            then()
            os.write(say, b"held")
            time.sleep(600)

    return work


class TestFolder:
    def test_the_second_writer_is_told_of_the_first(self, tmp_path: Path, fork: Callable[..., tuple[int, int]]) -> None:
        folder = tmp_path / "new" / "out"
        pid, hear = fork(hold(folder))
        assert os.read(hear, 4) == b"held" and not holds_results(folder)
        note = json.loads((folder / LOCK).read_text())
        who = f"{folder}: process {pid} on {note['host']}, since {note['since']}"
        with pytest.raises(ExistsError, match=re.escape(who)):
            locked(folder).__enter__()
        assert note["pid"] == pid and (folder / LOCK).exists()

    def test_it_dies_with_its_process_whatever_that_has_started(
        self, tmp_path: Path, fork: Callable[..., tuple[int, int]]
    ) -> None:
        """A forked process, and a program that inherits all that is inherited, live on."""
        others: list[int] = []

        def start() -> None:
            if os.fork() == 0:
                time.sleep(600)
            subprocess.Popen(["sleep", "600"], close_fds=False)

        pid, hear = fork(hold(tmp_path, start))
        assert os.read(hear, 4) == b"held"
        others = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            assert json.loads((tmp_path / LOCK).read_text())["pid"] == pid  # what it left says nothing any more
            with locked(tmp_path):
                assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
            assert len(others) == 2 and all(Path(f"/proc/{one}").exists() for one in others)
        finally:
            for one in others:
                os.kill(one, signal.SIGKILL)
        assert list(tmp_path.iterdir()) == []

    def test_of_those_that_begin_at_once_one_wins(self, tmp_path: Path, fork: Callable[..., tuple[int, int]]) -> None:
        start, go = os.pipe()
        folder = tmp_path / "out"

        def work(say: int) -> None:
            os.close(go)
            os.read(start, 1)  # until the other end is closed
            with locked(folder):
                os.write(say, b"1")
                time.sleep(600)

        begun = [fork(work) for _ in range(8)]
        os.close(go)
        os.close(start)
        ends: dict[int, int] = {}
        while len(ends) < 7:
            pid, status = os.waitpid(-1, 0)
            ends[pid] = os.waitstatus_to_exitcode(status)
        (winner,) = [hear for pid, hear in begun if pid not in ends]
        assert os.read(winner, 1) == b"1" and set(ends.values()) == {1}

    def test_a_forked_process_gives_nothing_back(self, tmp_path: Path, fork: Callable[..., tuple[int, int]]) -> None:
        with locked(tmp_path):
            lock = locked(tmp_path)
            lock.__enter__()  # again in the same thread: the run's own parts may lock it too
            pid, _ = fork(lambda say: lock.__exit__(None, None, None))
            assert os.waitpid(pid, 0)[1] == 0
            assert os.WEXITSTATUS(os.waitpid(fork(lambda say: locked(tmp_path).__enter__())[0], 0)[1]) == 1
            found: list[Exception] = []
            thread = threading.Thread(target=lambda: found.append(_refused(tmp_path)))
            thread.start()
            thread.join()
            assert f"process {os.getpid()}" in str(found[0])  # another thread is another writer
        with locked(tmp_path):
            pass

    def test_nothing_is_left_of_it(self, tmp_path: Path) -> None:
        with locked(tmp_path / "new" / "out"):
            pass
        assert list(tmp_path.iterdir()) == []  # they were made for nothing
        with locked(tmp_path / "out"):
            (tmp_path / "out" / "scores.csv").touch()
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["scores.csv"]
        assert holds_results(tmp_path / "out") and not holds_results(tmp_path / "none")

    def test_an_unreadable_note_hides_no_lock(self, tmp_path: Path, fork: Callable[..., tuple[int, int]]) -> None:
        assert os.read(fork(hold(tmp_path, lambda: (tmp_path / LOCK).write_text("[") and None))[1], 4) == b"held"
        with pytest.raises(ExistsError, match="began just now"):
            locked(tmp_path).__enter__()

    def test_a_file_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "out").write_text("mine")
        for folder in (tmp_path / "out", tmp_path / "out" / "inside"):
            with pytest.raises(WriteError, match=r"cannot be written(.|\n)*a file stands where a folder should"):
                locked(folder).__enter__()
        assert (tmp_path / "out").read_text() == "mine"


def _refused(folder: Path) -> Exception:
    with pytest.raises(ExistsError) as error, locked(folder):
        pass
    return error.value


class TestFile:
    def test_one_writer_until_it_is_closed(self, tmp_path: Path) -> None:
        path = tmp_path / "rows.jsonl"
        first = JsonLines(path, "ghn.test/1", {}, "a test")
        with pytest.raises(
            ExistsError, match=rf"into this file\n.*{path.name}: process {os.getpid()} on(.|\n)*another"
        ):
            JsonLines(path, "ghn.test/1", {}, "a test")
        first.append({"row": 1})
        first.close()
        second = JsonLines(path, "ghn.test/1", {}, "a test")
        assert second.rows == [(2, {"row": 1})]
        second.close()
        assert [one.name for one in tmp_path.iterdir()] == ["rows.jsonl"]

    def test_shared_by_processes_of_which_one_dies_amidst_a_line(
        self, tmp_path: Path, fork: Callable[..., tuple[int, int]]
    ) -> None:
        path = tmp_path / "rows.jsonl"

        def opened() -> JsonLines:
            return JsonLines(path, "ghn.test/1", {}, "a test", shared=True)

        def work(say: int) -> None:
            with closing(opened()) as lines:
                for row in range(20):
                    lines.append({"of": say, "row": row})

        with closing(opened()) as mine:
            begun = [fork(work)[0] for _ in range(3)]
            assert [os.waitpid(pid, 0)[1] for pid in begun] == [0, 0, 0]
            with file_locked(path), path.open("a") as file:
                file.write('{"of": 0, "ro')  # killed
            mine.append({"of": "me", "row": 0})
        with closing(opened()) as lines:
            assert len(lines.rows) == 61 and lines.rows[-1][1] == {"of": "me", "row": 0}
        assert [one.name for one in tmp_path.iterdir()] == ["rows.jsonl"]


class TestSweep:
    def test_only_what_dead_processes_were_writing(self, tmp_path: Path, fork: Callable[..., tuple[int, int]]) -> None:
        pid, _ = fork(lambda say: None)
        os.waitpid(pid, 0)  # no process has this number now
        gone = [f".state.safetensors.{pid}.0123abcd.tmp", f"scores/states/ab/.x.json.{pid}.0123abcd.tmp"]
        kept = [
            f".state.safetensors.{os.getppid()}.0123abcd.tmp",  # its process lives
            f".log.jsonl.{os.getpid()}.0123abcd.tmp",  # a writer of this one
            f"mine/.x.json.{pid}.0123abcd.tmp",  # no folder that a run writes
            f"notes.{pid}.0123abcd.tmp",
            ".notes.tmp",
            f".x.{2**80}.0123abcd.tmp",
        ]
        for name in [*gone, *kept]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text("x")
        older = tmp_path / f".log.jsonl.{os.getpid()}.76543210.tmp"  # of one that had the number of this one before
        older.touch()
        os.utime(older, (1e9, 1e9))
        (tmp_path / "scores" / f".link.{pid}.0123abcd.tmp").symlink_to(tmp_path / "mine")
        with locked(tmp_path):
            left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
        assert left == {*kept, LOCK}
        assert holds_results(tmp_path)

    def test_where_other_machines_may_write_what_is_young_stays(
        self, tmp_path: Path, fork: Callable[..., tuple[int, int]]
    ) -> None:
        pid, _ = fork(lambda say: None)
        os.waitpid(pid, 0)
        old, young = (tmp_path / f".x.npz.{pid}.0123abc{i}.tmp" for i in range(2))
        for path in (old, young):
            path.touch()
        os.utime(old, (1e9, 1e9))
        sweep_shared(tmp_path)
        sweep_shared(tmp_path / "none")
        assert list(tmp_path.iterdir()) == [young]

    def test_a_folder_of_left_overs_alone_holds_no_results(self, tmp_path: Path) -> None:
        for name in (LOCK, ".history.jsonl.lock", "log.jsonl", f".x.{os.getppid()}.0123abcd.tmp"):
            (tmp_path / name).touch()
        assert not holds_results(tmp_path)
        sweep(tmp_path)
        (tmp_path / "log.jsonl").write_text("{}\n")
        assert holds_results(tmp_path)
