"""What trainings gave and what was suggested, on disk before it is answered; and the surrogate that learns from it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ghn.adapters.service.served import Served
from ghn.files import JsonLines
from ghn.search.surrogate import Surrogate
from ghn.spaces import describe_space

SCHEMA = "ghn.observed/1"


class Memory:
    """What is known of trainings in one space.

    Every line is on disk before it is answered, without waiting for the worker; the surrogate is told when it is asked
    next. A restart reads the lines, and the readings that the surrogate had taken.

    Args:
        served: whose networks are trained.
        folder: of `observed-NAME.jsonl` and `surrogate-NAME.json`.
        direction: `maximize` or `minimize` what is observed.
        pool: candidates among which is chosen.

    Raises:
        DataError: a file there is damaged, or of another space or direction.
        ExistsError: another service keeps its observations there.
    """

    def __init__(self, served: Served, folder: Path, *, direction: str, pool: int) -> None:
        self.served, self.direction = served, direction
        self.surrogate: Surrogate[Any] = Surrogate(
            served.needs_ranker("observe"), served.space, direction=direction, pool=pool
        )
        self._state = folder / f"surrogate-{served.name}.json"
        identity = {"space": describe_space(served.space), "direction": direction}
        self._lines = JsonLines(folder / f"observed-{served.name}.jsonl", SCHEMA, identity, "observed values")
        self._values: dict[str, list[float]] = {}
        self._failed = 0
        # the worker's thread takes from these while the event loop adds
        self._untold: deque[dict[str, Any]] = deque()  # what the surrogate does not know yet
        self._unclaimed: deque[str] = deque()  # suggested, but nobody waited any more
        self._lock = asyncio.Lock()
        try:
            for number, row in self._lines.rows:
                self._take_back(number, row)
            if self._state.exists():
                self.surrogate.recall(self._state)
        except BaseException:
            self._lines.close()
            raise

    @property
    def observed(self) -> int:
        """Values that were taken."""
        return sum(map(len, self._values.values()))

    @property
    def failed(self) -> int:
        """Trainings that failed."""
        return self._failed

    @property
    def best(self) -> tuple[str, float] | None:
        """The best architecture, by the mean of its values."""
        if not self._values:
            return None
        better = max if self.direction == "maximize" else min
        return better(((a, sum(v) / len(v)) for a, v in self._values.items()), key=lambda pair: pair[1])

    async def observe(self, given: str, value: float | None) -> None:
        """Takes the value of a training; None: it failed. It is on disk when this returns.

        Raises:
            ArchitectureError: no member of the space.
            GraphError: it is too large.
        """
        text = await asyncio.to_thread(self._official, given)
        await self._keep({"observe": text, "value": value})

    async def announce(self, texts: Sequence[str]) -> None:
        """Keeps that these were handed out, so that no restart suggests them again."""
        for text in texts:
            await self._keep({"announce": text})

    def suggest(self, items: Sequence[tuple[int, str]]) -> list[list[str]]:
        """What to train next, for each of several requests (how many, by which acquisition); in the worker's thread."""
        self._tell_all()
        found = []
        for n, by in items:
            waiting = [self._unclaimed.popleft() for _ in range(min(n, len(self._unclaimed)))]
            left = n - len(waiting)
            new = self.surrogate.suggest(left, by=by) if left else []
            found.append([*waiting, *(self.served.space.format(arch) for arch in new)])
        self.save()
        return found

    def keep_unclaimed(self, results: Sequence[Sequence[str]]) -> None:
        """Takes back suggestions that came too late; they are handed out first next time."""
        self._unclaimed.extend(text for texts in results for text in texts)

    def save(self) -> None:
        """Keeps the readings that the surrogate has taken."""
        self.surrogate.save(self._state)

    def close(self) -> None:
        """Tells the surrogate all there is, and closes the files."""
        try:
            self._tell_all()
            self.save()
        finally:
            self._lines.close()

    def _official(self, given: str) -> str:
        return self.served.space.format(self.served.read(given))

    async def _keep(self, row: dict[str, Any]) -> None:
        async with self._lock:
            await asyncio.to_thread(self._lines.append, row, sync=True)
            self._note(row)

    def _note(self, row: dict[str, Any]) -> None:
        """Counts what a line says; the surrogate is told later."""
        if "observe" in row and row["value"] is None:
            self._failed += 1
        elif "observe" in row:
            self._values.setdefault(row["observe"], []).append(float(row["value"]))
        self._untold.append(row)

    def _tell_all(self) -> None:
        while self._untold:
            self._tell(self._untold.popleft())

    def _tell(self, row: dict[str, Any]) -> None:
        if "observe" in row:
            self.surrogate.observe(row["observe"], row["value"])
        else:
            self.surrogate.announce(row["announce"])

    def _take_back(self, number: int, row: Any) -> None:
        """Reads a line of an earlier run."""
        with self._lines.reading(number, "an observed value"):
            self._tell(row)
            self._note(row)
            self._untold.clear()  # it is told
