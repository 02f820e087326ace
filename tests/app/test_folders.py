"""The folder of a run: one writer, whatever the job; nothing to go on with is said; what cannot be written is told."""

from __future__ import annotations

import errno
import importlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from job_cases import keys_for

from ghn.app.cli import told
from ghn.app.jobs import JOBS, run_job
from ghn.app.overrides import composed
from ghn.app.train import train
from ghn.disk import FIXES
from ghn.errors import ExistsError, WriteError
from ghn.locks import LOCK, locked

Start = Callable[..., None]  # with a folder and what is changed in the options


def start_job(job: str, out: Path, **changes: Any) -> None:
    run_job(keys_for(job, out=str(out), **changes).model_dump())


def start_training(out: Path, **changes: Any) -> None:
    train({**composed("train", [f"out={out}", "device=cpu"]), **changes})


STARTS: dict[str, Start] = {job: lambda out, job=job, **changes: start_job(job, out, **changes) for job in JOBS}
STARTS["train"] = start_training


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Path]:
    """A folder that another run holds: another thread, which is no other for a lock than another process."""
    lock = locked(tmp_path / "out")
    thread = Thread(target=lock.__enter__)
    thread.start()
    thread.join()
    yield tmp_path / "out"
    lock.__exit__(None, None, None)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, list[str]]]:
    """In place of what jobs do: their folder, and what was in it."""
    found: list[tuple[Path, list[str]]] = []

    def look(_setting: None, keys: Any) -> None:
        found.append((Path(keys.out), sorted(path.name for path in Path(keys.out).iterdir())))

    monkeypatch.setattr("ghn.app.setting.build_setting", lambda options: None)
    for job in JOBS.values():
        module, _, function = job.place.partition(":")
        monkeypatch.setattr(importlib.import_module(module), function, look)
    return found


@pytest.mark.parametrize("kind", STARTS)
def test_a_folder_has_one_writer(kind: str, held: Path) -> None:
    for resume in (False, True):
        with pytest.raises(
            ExistsError, match=f"into this folder(.|\n)*process {os.getpid()} on .*, since 20(.|\n)*out="
        ):
            STARTS[kind](held, resume=resume)
    assert [path.name for path in held.iterdir()] == [LOCK]


@pytest.mark.parametrize("kind", STARTS)
def test_a_file_where_the_folder_should_be(kind: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(WriteError, match="a file stands where a folder should: move it away"):
        STARTS[kind](tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("job", JOBS)
def test_nothing_to_go_on_with_is_said(
    job: str, tmp_path: Path, seen: list[tuple[Path, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a run was killed before it had done anything, and where a folder was mistyped."""
    out = tmp_path / "out"
    said = f"nothing to go on with in {out}; starting anew\n"
    start_job(job, out, resume=True)
    assert not out.exists() and capsys.readouterr().err == said
    out.mkdir()
    (out / "of another.txt").touch()
    (out / f".x.json.{2**30}.0123abcd.tmp").touch()
    start_job(job, out, resume=True)
    assert capsys.readouterr().err == said and seen[-1] == (out, [LOCK, "of another.txt"])
    kept = out / JOBS[job].kept[-1].replace("*", "some")
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    start_job(job, out, resume=True)
    assert capsys.readouterr().err == "" and len(seen) == 3


@pytest.mark.parametrize("number", FIXES)
def test_what_the_disk_refuses_to_others_is_told(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end, told("evaluate.py", "there"):
        raise OSError(number, os.strerror(number), "there/events.out")
    message = str(end.value)
    assert message.startswith("error: there/events.out cannot be read or written") and os.strerror(number) in message
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    assert message.endswith(" out=there resume=true") == full


def test_an_error_of_another_kind_is_no_message() -> None:
    with pytest.raises(ConnectionRefusedError), told("evaluate.py", "there"):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "nobody there")
