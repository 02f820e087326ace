"""Draws members and captures their modules in worker processes, before they are asked for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import torch

from ghn.errors import GhnError

WORKERS = 4  # at most; one core is left to whoever asks
Make = Callable[[str, int], Any]
_make: Make | None = None  # in a worker: what it does


class Ahead:
    """Does something in other processes, while this one does something else.

    The processes are forks of this one, so that functions of a notebook or of a script work as well as those of a
    module. Where processes cannot be forked safely, or there is one core alone, nothing is done ahead.

    Args:
        make: is called with a key and a number; what it gives can be sent from process to process.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._pool: ProcessPoolExecutor | None = None
        self._pending: dict[str, Future[Any]] = {}

    def prepare(self, key: str, n: int) -> None:
        """Begins a call."""
        if key in self._pending or not (workers := _free_cores()):
            return
        try:
            with warnings.catch_warnings():
                # PyTorch's threads sleep when a process is forked, and the fork has one thread
                warnings.simplefilter("ignore", DeprecationWarning)
                self._pool = self._pool or _new_pool(workers, self._make)
                self._pending[key] = self._pool.submit(_work, key, n)
        except (OSError, BrokenProcessPool):
            self._end()

    def take(self, key: str) -> Any:
        """What a call gives, once it is done; None where it was not begun, or failed."""
        if (future := self._pending.pop(key, None)) is None:
            return None
        try:
            return future.result()
        except (BrokenProcessPool, OSError):  # a worker was killed
            self._end()
        except GhnError:  # whoever asks here will meet it too, and say so
            pass
        return None

    def _end(self) -> None:
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def _free_cores() -> int:
    """How many workers there can be; none where processes are not forked safely."""
    return min(WORKERS, len(os.sched_getaffinity(0)) - 1) if sys.platform == "linux" else 0


def _new_pool(workers: int, make: Make) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("fork")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(make, os.getpid()))


def _begin(make: Make, parent: int) -> None:
    """Readies a worker: one thread, no Ctrl-C of its own, and an end when whoever began it has ended."""
    global _make
    _make = make
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _work(key: str, n: int) -> Any:
    assert _make is not None
    return _make(key, n)
