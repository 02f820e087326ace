"""Requests that wait, joined: one thread does the work, and what is of one kind is done in one call."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ghn.adapters.service.limits import Limits
from ghn.adapters.service.problems import RefusedError

RETRY = {"Retry-After": "2"}
Do = Callable[[Sequence[Any]], Sequence[Any]]  # one result for each item


@dataclass(eq=False)
class _Work:
    """What one request waits for."""

    key: Hashable
    items: Sequence[Any]
    do: Do
    unwanted: Callable[[Sequence[Any]], None] | None
    done: asyncio.Future[Sequence[Any]]


class Joiner:
    """A queue in front of one worker thread.

    While the thread is busy requests wait. Then the first is taken, and with it all that have its key: what they ask is
    the same kind of question, answered in one call. Where that call raises, each request is asked alone, so that it
    fails alone.

    Args:
        limits: how many may wait, how long, and how many networks are joined.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._queue: deque[_Work] = deque()
        self._busy: list[_Work] = []
        self._filled = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ghn-serve")
        self._closed = False
        self._loop: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """Requests that wait or are worked on."""
        return len(self._queue) + len(self._busy)

    def start(self) -> None:
        """Begins to work; in the event loop that asks."""
        self._loop = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Takes no more, and returns when all that waits is done."""
        self._closed = True
        self._filled.set()
        if self._loop is not None:
            await self._loop
        self._thread.shutdown()

    async def ask(
        self, key: Hashable, items: Sequence[Any], do: Do, unwanted: Callable[[Sequence[Any]], None] | None = None
    ) -> Sequence[Any]:
        """The results of `do` for these items, perhaps joined with those of others of this key.

        Args:
            key: equal for questions that one call of `do` answers.
            items: what is asked about.
            do: is called in the thread with the items of all; gives one result each.
            unwanted: takes results for which nobody waits any more.

        Raises:
            RefusedError: too many wait (503), or it takes too long (504).
        """
        if self._closed:
            raise RefusedError(503, "the server is about to stop", RETRY, fix="ask again later")
        if self.waiting >= self.limits.waiting:
            expected = f"at most {self.limits.waiting}"
            raise RefusedError(
                503, "too many requests wait", RETRY, got=self.waiting, expected=expected, fix="ask later"
            )
        work = _Work(key, items, do, unwanted, asyncio.get_running_loop().create_future())
        self._queue.append(work)
        self._filled.set()
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await work.done
        except TimeoutError:
            expected = f"within {self.limits.seconds} s"
            fix = "ask about fewer networks, or raise limits.seconds of the server"
            raise RefusedError(504, "the answer takes too long", expected=expected, fix=fix) from None
        finally:
            with contextlib.suppress(ValueError):
                self._queue.remove(work)

    async def _work(self) -> None:
        while not (self._closed and not self._queue):
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                self._busy = self._joined()
                await self._answer(self._busy)
                self._busy = []

    def _joined(self) -> list[_Work]:
        """The first that waits, and those of its key that fit into one call with it; they wait no more."""
        taken = [self._queue.popleft()]
        size = len(taken[0].items)
        for work in list(self._queue):
            if work.key == taken[0].key and size + len(work.items) <= self.limits.joined:
                self._queue.remove(work)
                taken.append(work)
                size += len(work.items)
        return taken

    async def _answer(self, works: Sequence[_Work]) -> None:
        items = [item for work in works for item in work.items]
        try:
            results = await asyncio.get_running_loop().run_in_executor(self._thread, works[0].do, items)
        except Exception as error:
            if len(works) == 1:
                _fail(works[0], error)
            else:
                for work in works:
                    await self._answer([work])
            return
        start = 0
        for work in works:
            _give(work, results[start : start + len(work.items)])
            start += len(work.items)


def _give(work: _Work, results: Sequence[Any]) -> None:
    """Hands results over, where somebody still waits."""
    if not work.done.done():
        work.done.set_result(results)
    elif work.unwanted is not None:
        work.unwanted(results)


def _fail(work: _Work, error: Exception) -> None:
    if not work.done.done():
        work.done.set_exception(error)
