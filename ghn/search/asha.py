"""ASHA: successive halving that waits for nobody."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field
from itertools import count
from typing import Generic

from ghn.analysis.successive_halving import SLACK, rung_budgets
from ghn.search.basic import Awaited
from ghn.search.halving import first_rung, next_rung
from ghn.types import Arch, Score, Searcher, Trial


@dataclass
class _Rung(Generic[Arch]):
    """Results on one budget, best first: successes, those of them that have not gone on, and the number of all."""

    ranked: list[tuple[float, int, Trial[Arch]]] = field(default_factory=list)
    waiting: list[tuple[float, int, Trial[Arch]]] = field(default_factory=list)
    told: int = 0

    def add(self, score: Score, order: int, trial: Trial[Arch]) -> None:
        self.told += 1
        if score.ok:
            insort(self.ranked, (-score.value, order, trial))  # of equals the one that came first
            insort(self.waiting, (-score.value, order, trial))

    def promote(self, eta: float) -> Trial[Arch] | None:
        """Takes the best of those waiting, if it is among the best 1/eta of all."""
        places = int(self.told / eta + SLACK)
        if self.waiting and bisect_left(self.ranked, self.waiting[0]) < places:
            return self.waiting.pop(0)[2]
        return None


class ASHA(Generic[Arch]):
    """Promotes a trial as soon as it is among the best 1/eta of those that have finished on its rung so far.

    The highest rung comes first; where none can be promoted, a new candidate starts on the lowest. It ends when the
    inner searcher does. Failed trials count among those that have finished and are never promoted; of equal scores the
    one that came first goes on. The inner searcher is told the score of the first rung.

    Source: Li, Jamieson, Rostamizadeh, Gonina, Ben-tzur, Hardt, Recht & Talwalkar, "A System for Massively Parallel
    Hyperparameter Tuning", MLSys 2020, algorithm 2, with early-stopping rate 0.

    Args:
        searcher: where candidates come from.
        max_budget: of the last rung, in the estimator's unit (epochs).
        min_budget: of the first rung; whole ones give whole budgets.
        eta: share that goes on, as 1/eta, and growth of the budget.
    """

    source = "Li et al., A System for Massively Parallel Hyperparameter Tuning, MLSys 2020"

    def __init__(self, searcher: Searcher[Arch], *, max_budget: float, min_budget: float = 1, eta: float = 3) -> None:
        self.rungs = rung_budgets(min_budget, max_budget, eta)
        self._inner, self._eta = searcher, eta
        self._results = [_Rung[Arch]() for _ in self.rungs]
        self._candidates: dict[str, Trial[Arch]] = {}  # the inner searcher's, by the id of their first trial
        self._order, self._awaited = count(), Awaited[Arch]()
        self.identity = {"searcher": "asha", "rungs": list(self.rungs), "eta": eta, "inner": searcher.identity}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` trials: promotions from the highest rung down, then new candidates."""
        out: list[Trial[Arch]] = []
        while len(out) < n and (trial := self._promotion() or self._start()):
            out.append(self._awaited.add(trial))
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Enters a result into its rung."""
        self._awaited.take(trial)
        if trial.id in self._candidates:
            self._inner.tell(self._candidates.pop(trial.id), score)
        self._results[self.rungs.index(trial.budget or 0.0)].add(score, next(self._order), trial)

    def _promotion(self) -> Trial[Arch] | None:
        for level in reversed(range(len(self.rungs) - 1)):
            if old := self._results[level].promote(self._eta):
                return next_rung(old, self.rungs[level + 1])
        return None

    def _start(self) -> Trial[Arch] | None:
        for candidate in self._inner.ask(1):
            trial = first_rung(candidate, self.rungs[0])
            self._candidates[trial.id] = candidate
            return trial
        return None
