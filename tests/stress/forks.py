"""Runs of both scripts as processes that begin where imports end: forks of this one, so that kills are cheap."""

from __future__ import annotations

import importlib
import os
import runpy
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[2]
WARM = (
    "torch", "torch_geometric.data", "hydra", "sklearn.gaussian_process", "matplotlib.figure", "ghn", "ghn.app.jobs",
    "ghn.app.train", "ghn.app.evaluation", "ghn.app.survey.job", "ghn.app.serve", "ghn.report",
)  # fmt: skip


def warm_up() -> None:
    """Imports all that the scripts do; nothing may run in parallel before a fork, so a thread stays the only one."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in WARM:
        importlib.import_module(name)
    sys.modules["torch"].set_num_threads(1)


@dataclass
class Fork:
    """A script that runs in a process group of its own."""

    pid: int
    output: Path
    status: int | None = None

    def wait(self, seconds: float | None = None) -> int | None:
        """Its exit status, negative for a signal; None if it still runs after so many seconds."""
        end = None if seconds is None else time.monotonic() + seconds
        while self.status is None:
            pid, status = os.waitpid(self.pid, 0 if end is None else os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif end is not None and time.monotonic() >= end:
                return None
            else:
                time.sleep(0.002)
        return self.status

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Sends a signal to it and to all that it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def said(self) -> str:
        """What it has printed, errors included."""
        return self.output.read_text(errors="replace")


def fork(
    script: str,
    arguments: Sequence[str],
    output: Path,
    *,
    before: Callable[[], None] | None = None,
) -> Fork:
    """Starts a script of this folder with the arguments given.

    Args:
        script: `train_ghn.py` or `evaluate.py`.
        arguments: of its command line.
        output: the file that takes what it prints.
        before: is called in the new process before the script.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if (pid := os.fork()) == 0:
        _run(script, arguments, output, before)
    return Fork(pid, output)


def _run(script: str, arguments: Sequence[str], output: Path, before: Callable[[], None] | None) -> NoReturn:
    status = 70
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        file = os.open(output, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o644)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.argv = [script, *arguments]
        if before is not None:
            before()
        runpy.run_path(str(ROOT / script), run_name="__main__")
        status = 0
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        status = 70
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
