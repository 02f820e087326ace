"""Successive halving and Hyperband around any searcher: many candidates get a little, the best of them get more.

ASHA: successive halving that waits for nobody.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice, repeat
from typing import Any, Generic

from ghn.analysis.successive_halving import SLACK, hyperband_brackets, rung_budgets, rung_sizes, total_budget
from ghn.errors import ConfigError
from ghn.search.bracket import Bracket, rung_trial
from ghn.search.local import Pending
from ghn.types import Arch, Score, Searcher, Trial


class BracketSearch(Generic[Arch]):
    """Runs brackets one after another. While one waits for scores, idle workers get trials of the next.

    A trial of a later rung has the id of its candidate with the budget (`"7@9"`) and names the trial that it resumes
    (`"7@3"`). The inner searcher is told the score of the first rung: scores of one budget can be compared.

    Args:
        searcher: where candidates come from; its budgets are not used.
        brackets: what to run.
        identity: of the whole, JSON-able, without the inner searcher's.
    """

    def __init__(self, searcher: Searcher[Arch], brackets: Iterator[Bracket[Arch]], identity: dict[str, Any]) -> None:
        self._inner, self._plan, self._open = searcher, brackets, list[Bracket[Arch]]()
        self._exhausted, self._pending = False, Pending[Arch]()
        self._home: dict[str, Bracket[Arch]] = {}
        self._candidates: dict[str, Trial[Arch]] = {}  # the inner searcher's, by the id of their first trial
        self.identity = {**identity, "inner": searcher.identity}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` trials: promotions before new candidates."""
        out: list[Trial[Arch]] = []
        while len(out) < n and (trial := self._next()):
            out.append(self._pending.add(trial))
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Closes the rung when the trial is its last."""
        self._pending.take(trial)
        if trial.id in self._candidates:
            self._inner.tell(self._candidates.pop(trial.id), score)
        bracket = self._home.pop(trial.id)
        bracket.tell(trial, score)
        if bracket.finished:
            self._open.remove(bracket)

    def _next(self) -> Trial[Arch] | None:
        for bracket in self._open:
            if trial := self._from(bracket):
                return trial
        if self._exhausted or any(bracket.wants for bracket in self._open):  # then the inner searcher waits for scores
            return None
        for new in islice(self._plan, 1):
            self._open.append(new)
            return self._from(new)
        return None

    def _from(self, bracket: Bracket[Arch]) -> Trial[Arch] | None:
        trial = bracket.promoted()
        if trial is None and bracket.wants and not self._exhausted:
            if candidates := self._inner.ask(1):
                trial = bracket.start(candidates[0])
                self._candidates[trial.id] = candidates[0]
            else:
                self._exhausted = not self._candidates
        if self._exhausted:
            bracket.close()
            trial = trial or bracket.promoted()
        if trial is not None:
            self._home[trial.id] = bracket
        return trial


class SuccessiveHalving(BracketSearch[Arch]):
    """Of `n` candidates, the best 1/eta of each rung go on with eta times the budget.

    Failed trials are counted and never promoted; a rung with fewer successes than places promotes them all; of equal
    scores the earlier proposed goes on.

    Source: Jamieson & Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
    2016, fig. 3; with the geometric budgets of Li et al., JMLR 2018, algorithm 1, a bracket.

    Args:
        searcher: where candidates come from.
        max_budget: of the last rung, in the estimator's unit (epochs).
        min_budget: of the first rung; whole ones give whole budgets.
        eta: share that goes on, as 1/eta, and growth of the budget.
        n: candidates of the first rung; by default so many that one reaches the last.
        total: instead of `n`: what may be spent in all, in the unit of the budgets; the most candidates that fit.

    Raises:
        ConfigError: the budgets give no rung, or not one candidate could reach the last.
    """

    source = (
        "Jamieson & Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter Optimization, AISTATS 2016"
    )

    def __init__(
        self,
        searcher: Searcher[Arch],
        *,
        max_budget: float,
        min_budget: float = 1,
        eta: float = 3,
        n: int | None = None,
        total: float | None = None,
    ) -> None:
        rungs = rung_budgets(min_budget, max_budget, eta)
        least = math.ceil(eta ** (len(rungs) - 1) - 1e-9)
        if total is not None:
            n = _fitting(rungs, eta, least, total, n)
        n = least if n is None else n
        if n < least:
            raise ConfigError(
                "too few candidates: none would reach the last rung",
                got=f"n={n} with the rungs {rungs}",
                expected=f"n of at least {least}",
                fix="more candidates, a higher min_budget, or a smaller eta",
            )
        sizes = rung_sizes(n, len(rungs), eta)
        identity = {"searcher": "successive_halving", "rungs": list(rungs), "sizes": list(sizes)}
        super().__init__(searcher, iter([Bracket(rungs, sizes)]), identity)


class Hyperband(BracketSearch[Arch]):
    """Brackets of successive halving, from many candidates with little budget to few with all of it.

    Source: Li, Jamieson, DeSalvo, Rostamizadeh & Talwalkar, "Hyperband", JMLR 2018, algorithm 1. Bracket s begins with
    ceil((s_max + 1) / (s + 1) * eta^s) candidates.

    Args:
        searcher: where candidates come from.
        max_budget: of the last rung, in the estimator's unit (epochs).
        min_budget: of the first rung of the first bracket; whole ones give whole budgets.
        eta: share that goes on, as 1/eta, and growth of the budget.
        brackets: how many of them, the most exploring first; None for all.
        rounds: how often; None for ever.
    """

    source = "Li et al., Hyperband, JMLR 2018"

    def __init__(
        self,
        searcher: Searcher[Arch],
        *,
        max_budget: float,
        min_budget: float = 1,
        eta: float = 3,
        brackets: int | None = None,
        rounds: int | None = 1,
    ) -> None:
        rungs = rung_budgets(min_budget, max_budget, eta)
        count = len(rungs) if brackets is None else brackets
        if not 1 <= count <= len(rungs):
            raise ConfigError(
                "no such number of Hyperband brackets", got=brackets, expected=f"1 to {len(rungs)} for rungs {rungs}"
            )
        if rounds is not None and rounds < 1:
            raise ConfigError("Hyperband needs at least one round", got=rounds)
        identity = {"searcher": "hyperband", "rungs": list(rungs), "eta": eta, "brackets": count, "rounds": rounds}
        super().__init__(searcher, _brackets(rungs, eta, count, rounds), identity)


def _brackets(rungs: tuple[float, ...], eta: float, count: int, rounds: int | None) -> Iterator[Bracket[Any]]:
    """The first `count` brackets of Hyperband, `rounds` times over (None: for ever)."""
    for _ in repeat(None) if rounds is None else range(rounds):
        yield from (Bracket(own, sizes) for own, sizes in hyperband_brackets(rungs, eta, count))


def _fitting(rungs: tuple[float, ...], eta: float, least: int, total: float, n: int | None) -> int:
    """The most candidates whose bracket costs at most `total`."""
    if n is not None:
        raise ConfigError("give the number of candidates or the total budget, not both", got=f"n={n}, total={total}")

    def cost(n: int) -> float:
        return total_budget(rungs, rung_sizes(n, len(rungs), eta))

    if total < cost(least):
        raise ConfigError(
            "the total budget is below that of the smallest successive halving",
            got=total,
            expected=f"at least {cost(least):g}, for {least} candidates over the rungs {rungs}",
            fix="a larger total, a smaller max_budget, or a higher min_budget for fewer candidates",
        )
    fitting = least
    while cost(fitting + 1) <= total:
        fitting += 1
    return fitting


# --- ASHA: successive halving that waits for nobody ---


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
        self._level: dict[str, int] = {}  # of every trial
        self._candidate: dict[str, str] = {}  # trial id -> candidate's id
        self._candidates: dict[str, Trial[Arch]] = {}  # the inner searcher's, by the id of their first trial
        self._order, self._pending = count(), Pending[Arch]()
        inner = searcher.identity
        self.identity = {"searcher": "asha", "rungs": list(self.rungs), "eta": eta, "inner": inner}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` trials: promotions from the highest rung down, then new candidates."""
        out: list[Trial[Arch]] = []
        while len(out) < n and (trial := self._promotion() or self._start()):
            out.append(self._pending.add(trial))
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Enters a result into its rung."""
        self._pending.take(trial)
        if trial.id in self._candidates:
            self._inner.tell(self._candidates.pop(trial.id), score)
        self._results[self._level[trial.id]].add(score, next(self._order), trial)

    def _promotion(self) -> Trial[Arch] | None:
        for level in reversed(range(len(self.rungs) - 1)):
            if old := self._results[level].promote(self._eta):
                return self._on(level + 1, self._candidate[old.id], old)
        return None

    def _start(self) -> Trial[Arch] | None:
        for candidate in self._inner.ask(1):
            trial = self._on(0, candidate.id, candidate)
            self._candidates[trial.id] = candidate
            return trial
        return None

    def _on(self, level: int, candidate: str, before: Trial[Arch]) -> Trial[Arch]:
        trial = rung_trial(candidate, before.arch, self.rungs[level], before.id if level else None)
        self._level[trial.id], self._candidate[trial.id] = level, candidate
        return trial
