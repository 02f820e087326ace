"""A folder has one writer, and is free again when that one is dead."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ghn.errors import ExistsError
from ghn.locks import HOLDER, holds_results, locked


def test_the_second_writer_is_told_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    with locked(folder):
        note = json.loads((folder / HOLDER).read_text())
        assert note["pid"] == os.getpid() and not holds_results(folder)
        who = f"process {os.getpid()} on {note['host']}, since {note['since']}"
        with pytest.raises(ExistsError, match=re.escape(who)):
            locked(folder).__enter__()
        assert (folder / HOLDER).exists()  # of the one who holds it
    with locked(folder):
        pass
    assert not (folder / HOLDER).exists() and not holds_results(folder)
    (folder / "scores.csv").touch()
    assert holds_results(folder) and not holds_results(tmp_path / "none")


def test_it_dies_with_its_process(tmp_path: Path) -> None:
    hold = f"import time; from ghn.locks import locked; lock = locked({str(tmp_path)!r}); lock.__enter__(); "
    code = hold + "print('held', flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        try:
            with pytest.raises(ExistsError, match=f"process {process.pid} on "):
                locked(tmp_path).__enter__()
        finally:
            process.send_signal(signal.SIGKILL)
    assert json.loads((tmp_path / HOLDER).read_text())["pid"] == process.pid  # what it left says nothing any more
    with locked(tmp_path):
        assert json.loads((tmp_path / HOLDER).read_text())["pid"] == os.getpid()


def test_an_unreadable_note_hides_no_lock(tmp_path: Path) -> None:
    with locked(tmp_path):
        (tmp_path / HOLDER).write_text("[")
        with pytest.raises(ExistsError, match="began just now"):
            locked(tmp_path).__enter__()
