"""A bracket of successive halving: which trials of a rung go on, wherever candidates come from."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic

from ghn.types import Arch, Score, Trial


def rung_trial(candidate: str, arch: Arch, budget: float, resume: str | None) -> Trial[Arch]:
    """A candidate's trial on a rung."""
    return Trial(f"{candidate}@{budget:g}", arch, budget, resume)


class Bracket(Generic[Arch]):
    """One run of successive halving.

    Args:
        rungs: budgets, rising.
        sizes: trials in each rung, at least one.
    """

    def __init__(self, rungs: Sequence[float], sizes: Sequence[int]) -> None:
        self.rungs, self.sizes = tuple(rungs), tuple(sizes)
        self.finished = False
        self._rung, self._closed, self._awaited = 0, False, 0
        self._members: list[Trial[Arch]] = []  # of the present rung, in the order of their proposal
        self._scores: dict[str, Score] = {}
        self._candidate: dict[str, str] = {}  # trial id -> candidate's id
        self._queue: deque[Trial[Arch]] = deque()  # promoted, not yet given out

    @property
    def wants(self) -> bool:
        """Whether the first rung has places left."""
        return self._rung == 0 and not self._closed and len(self._members) < self.sizes[0]

    def start(self, candidate: Trial[Arch]) -> Trial[Arch]:
        """A candidate's trial on the first rung."""
        trial = rung_trial(candidate.id, candidate.arch, self.rungs[0], None)
        self._candidate[trial.id] = candidate.id
        return self._give(trial)

    def promoted(self) -> Trial[Arch] | None:
        """The next trial that was promoted, if there is one."""
        return self._give(self._queue.popleft()) if self._queue else None

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes a score; the last one of a rung promotes its best."""
        self._scores[trial.id] = score
        self._awaited -= 1
        self._climb()

    def close(self) -> None:
        """There are no more candidates: the first rung makes do with those it has."""
        if self.wants:
            self._closed = True
            self._climb()

    def _give(self, trial: Trial[Arch]) -> Trial[Arch]:
        self._members.append(trial)
        self._awaited += 1
        return trial

    def _climb(self) -> None:
        if self.wants or self._queue or self._awaited:
            return
        if self._rung + 1 == len(self.rungs):
            self.finished = True
            return
        successes = [t for t in self._members if self._scores[t.id].ok]
        successes.sort(key=lambda t: -self._scores[t.id].value)  # stable: of equals the earlier one
        best = successes[: self.sizes[self._rung + 1]]
        self._rung += 1
        self._members, self.finished = [], not best
        for old in best:
            new = rung_trial(self._candidate[old.id], old.arch, self.rungs[self._rung], old.id)
            self._candidate[new.id] = self._candidate[old.id]
            self._queue.append(new)
