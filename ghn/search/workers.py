"""Who judges the trials of a search: this process, or several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import cache, partial
from multiprocessing import resource_tracker
from typing import Any, Protocol, runtime_checkable

from ghn.disk import IN_PYTHON
from ghn.errors import TrainingError
from ghn.scoring.guard import judge
from ghn.types import Estimator, Remembers, Score, Trial

MakeEstimator = Callable[[], Estimator[Any]]
Judge = Callable[[Trial[Any], Trial[Any] | None], Score]  # of a trial, and of the one that it resumes


@runtime_checkable
class Workers(Protocol):
    """Judges trials, `slots` of them at once."""

    slots: int

    def submit(self, trial: Trial[Any], parent: Trial[Any] | None) -> None:
        """Begins a trial; `parent` is the one that it resumes."""
        ...

    def wait(self) -> list[tuple[Trial[Any], Score]]:
        """Waits until at least one of the trials begun has finished."""
        ...

    def now(self) -> float:
        """Seconds on the clock of the workers, from any start."""
        return time.monotonic()

    def close(self, *, kill: bool = False) -> None:
        """Ends, where anything runs elsewhere; `kill` does not wait for it. A second time does nothing."""
        return


def keep_busy(
    workers: Workers,
    begin: Callable[[], tuple[Trial[Any], Trial[Any] | None] | None],
    done: Callable[[Trial[Any], Score], None],
) -> None:
    """Gives every free worker a trial until there is none left and the last has finished; then the workers end: at
    once, whatever they do, when anything is raised.

    Args:
        workers: judge the trials.
        begin: the next trial and the one that it resumes; None when there is none now.
        done: takes a trial that has finished.
    """
    running = 0
    with ending(workers):
        while True:
            while running < workers.slots and (begun := begin()):
                workers.submit(*begun)
                running += 1
            if not running:
                return
            for trial, score in workers.wait():
                running -= 1
                done(trial, score)


@contextmanager
def ending(workers: Workers) -> Iterator[None]:
    """Ends workers at the end; at once, whatever they do, when anything is raised."""
    try:
        yield
    except BaseException:
        workers.close(kill=True)
        raise
    workers.close()


def judge_trial(estimator: Estimator[Any], trial: Trial[Any], parent: Trial[Any] | None) -> Score:
    """Scores one trial; what is raised for it is its failure."""
    if parent is not None and isinstance(estimator, Remembers):
        estimator.remember(parent)
    return judge(estimator, [trial])[0]


def make_judge(make: MakeEstimator) -> Judge:
    """What judges the trials of a search, from what makes its estimator."""
    return partial(judge_trial, make())


class Here(Workers):
    """One trial at a time, in this process."""

    slots = 1

    def __init__(self, judge: Judge) -> None:
        self._judge, self._done = judge, list[tuple[Trial[Any], Score]]()

    def submit(self, trial: Trial[Any], parent: Trial[Any] | None) -> None:
        self._done = [(trial, self._judge(trial, parent))]

    def wait(self) -> list[tuple[Trial[Any], Score]]:
        return self._done


class Processes(Workers):
    """Several trials at once, each process with a judge of its own.

    Args:
        make: makes the judge; picklable, such as a function of a module or a `functools.partial` of one. For trials
            that resume others their state must lie on disk, where every process finds it.
        processes: so many.
        waiting: trials handed out beyond those, so that no process waits for its next.
    """

    def __init__(self, make: Callable[[], Judge], processes: int, *, waiting: int = 0) -> None:
        self.slots = processes + waiting
        self._others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")  # a forked process would inherit threads and CUDA, broken
        self._pool = ProcessPoolExecutor(processes, context, _start, (make,))
        self._begun: dict[Future[Score], Trial[Any]] = {}

    def submit(self, trial: Trial[Any], parent: Trial[Any] | None) -> None:
        with _deaf(), _told_of_death():  # what is started now inherits it, and is not interrupted while it imports
            self._begun[self._pool.submit(_work, trial, parent)] = trial

    def wait(self) -> list[tuple[Trial[Any], Score]]:
        """Waits for a process to finish; what others have finished is given before anything is raised.

        Raises:
            TrainingError: a process died.
        """
        done, _ = wait(self._begun, return_when=FIRST_COMPLETED)
        good = [future for future in self._begun if future in done and future.exception() is None]
        with _told_of_death():
            return [(self._begun.pop(future), future.result()) for future in good or done]

    def close(self, *, kill: bool = False) -> None:
        mine = set(multiprocessing.active_children()) - self._others
        self._pool.shutdown(wait=not kill, cancel_futures=True)
        for process in mine if kill else ():
            process.terminate()


@contextmanager
def _told_of_death() -> Iterator[None]:
    """A worker process that has died is an error that says what to do."""
    try:
        yield
    except BrokenProcessPool as error:
        raise TrainingError(
            "a worker process died",
            got=str(error),
            fix=f"{IN_PYTHON}; fewer workers need less memory; a script that starts workers needs "
            "`if __name__ == '__main__':`",
        ) from None


@contextmanager
def _deaf() -> Iterator[None]:
    """Ctrl-C is for the main process, which ends its workers: what is started within does not hear it, and here it
    waits.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # or the first process started would start it, which lets signals through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # ignored, one that came now would be lost
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_judge: Callable[[], Judge]  # of a worker process: makes its judge at the first call


def _start(make: Callable[[], Judge]) -> None:
    global _judge
    _judge = cache(make)  # not called here, where an error would reach nobody
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it was not inherited
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A killed search must not leave workers that write into the files of the one that goes on with it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(trial: Trial[Any], parent: Trial[Any] | None) -> Score:
    return _judge()(trial, parent)
