"""Successive halving, Hyperband and ASHA around any searcher: many candidates get a little, the best get more."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Generic

from ghn.analysis.successive_halving import (
    SLACK,
    Schedule,
    hyperband_brackets,
    rung_budgets,
    rung_sizes,
    total_budget,
)
from ghn.errors import ConfigError, check_counts
from ghn.search.basic import OneByOne
from ghn.types import Arch, Score, Searcher, Trial


def next_rung(trial: Trial[Arch], budget: float) -> Trial[Arch]:
    """The trial that goes on from one on the rung below."""
    return Trial(f"{trial.id.rpartition('@')[0]}@{budget:g}", trial.arch, budget, trial.id)


class Scheduler(OneByOne[Arch]):
    """Has candidates of another searcher judged with small budgets, and the best of them with larger ones.

    A trial of a later rung has the id of its candidate with the budget (`"7@9"`) and names the trial that it resumes
    (`"7@3"`). The inner searcher, whose budgets are not used, is told the score of the first rung: scores of one budget
    can be compared.

    The largest budget can be raised at any time (`raise_budget`): rungs are put on top, and who was best on the highest
    one goes on from there. `identity` stays that of the beginning; a history notes the raise.
    """

    def __init__(
        self, name: str, searcher: Searcher[Arch], rungs: tuple[float, ...], eta: float, **settings: Any
    ) -> None:
        super().__init__()
        self._inner, self.rungs, self._eta = searcher, rungs, eta
        self._candidates: dict[str, Trial[Arch]] = {}  # the inner searcher's, by the id of their first trial
        self.identity = {"searcher": name, "rungs": list(rungs), **settings, "inner": searcher.identity}

    @property
    def max_budget(self) -> float:
        return self.rungs[-1]

    def raise_budget(self, max_budget: float) -> None:
        """Puts rungs on top: the present largest budget times powers of `eta`, up to the new one.

        Raises:
            ConfigError: the new one is not larger.
        """
        if not self.rungs[-1] < max_budget < math.inf:
            raise ConfigError(
                "a largest budget can be raised, not lowered", got=max_budget, expected=f"more than {self.rungs[-1]:g}"
            )
        new = rung_budgets(self.rungs[-1], max_budget, self._eta)[1:]
        self.rungs += new
        self._extend(new)

    def _extend(self, new: tuple[float, ...]) -> None:
        """Takes note of rungs that were put on top."""
        raise NotImplementedError

    def _candidate(self, budget: float) -> Trial[Arch] | None:
        """A new candidate's trial on the first rung; None where the inner searcher has none now."""
        for candidate in self._inner.ask(1):
            trial = Trial(f"{candidate.id}@{budget:g}", candidate.arch, budget)
            self._candidates[trial.id] = candidate
            return trial
        return None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        if trial.id in self._candidates:
            self._inner.tell(self._candidates.pop(trial.id), score)


class Bracket(Generic[Arch]):
    """One run of successive halving over rising budgets (`rungs`), with `sizes` trials in each, at least one."""

    def __init__(self, rungs: Sequence[float], sizes: Sequence[int], number: int = 0) -> None:
        self.rungs, self.sizes, self.number = tuple(rungs), tuple(sizes), number
        self.finished = False
        self._rung, self._closed = 0, False
        self._members: list[Trial[Arch]] = []  # of the present rung, in the order of their proposal
        self._scores: dict[str, Score] = {}  # of those of them that have finished
        self._queue: deque[Trial[Arch]] = deque()  # promoted, not yet given out

    @property
    def wants(self) -> bool:
        """Whether the first rung has places left."""
        return self._rung == 0 and not self._closed and len(self._members) < self.sizes[0]

    def add(self, trial: Trial[Arch]) -> Trial[Arch]:
        """Takes a trial into the present rung, and gives it back."""
        self._members.append(trial)
        return trial

    def promoted(self) -> Trial[Arch] | None:
        """The next trial that was promoted, if there is one."""
        return self.add(self._queue.popleft()) if self._queue else None

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes a score; the last one of a rung promotes its best."""
        self._scores[trial.id] = score
        self._climb()

    def close(self) -> None:
        """There are no more candidates: the first rung makes do with those it has."""
        if self.wants:
            self._closed = True
            self._climb()

    def extend(self, rungs: Sequence[float], eta: float) -> None:
        """Adds higher rungs, each with 1/eta of the places below it, at least one."""
        self.rungs += tuple(rungs)
        for _ in rungs:
            self.sizes += (max(1, math.floor(self.sizes[-1] / eta + SLACK)),)
        if self.finished and self._members:  # the best of what was the last rung go on
            self.finished = False
            self._climb()

    def _climb(self) -> None:
        if self.wants or self._queue or len(self._scores) < len(self._members):
            return
        if self._rung + 1 == len(self.rungs):
            self.finished = True
            return
        successes = [t for t in self._members if self._scores[t.id].ok]
        successes.sort(key=lambda t: -self._scores[t.id].value)  # stable: of equals the earlier one
        best = successes[: self.sizes[self._rung + 1]]
        self._rung += 1
        self._members, self._scores, self.finished = [], {}, not best
        self._queue.extend(next_rung(trial, self.rungs[self._rung]) for trial in best)


class BracketSearch(Scheduler[Arch]):
    """Runs brackets one after another. While one waits for scores, idle workers get trials of the next."""

    def __init__(
        self, name: str, searcher: Searcher[Arch], rungs: tuple[float, ...], eta: float, **settings: Any
    ) -> None:
        super().__init__(name, searcher, rungs, eta, **settings)
        self._begun, self._open, self._exhausted = list[Bracket[Arch]](), list[Bracket[Arch]](), False
        self._home: dict[str, Bracket[Arch]] = {}

    def bracket_of(self, trial: Trial[Arch]) -> int | None:
        """The number of the bracket of a trial, in the order in which they begin."""
        return self._home[trial.id].number if trial.id in self._home else None

    def _plan(self) -> Schedule | None:
        """Rungs and sizes of the next bracket; None at the end."""
        raise NotImplementedError

    def _extend(self, new: tuple[float, ...]) -> None:
        for bracket in self._begun:
            bracket.extend(new, self._eta)
        self._open = [bracket for bracket in self._begun if not bracket.finished]

    def _next(self) -> Trial[Arch] | None:
        for bracket in self._open:
            if trial := self._from(bracket):
                return trial
        if self._exhausted or any(bracket.wants for bracket in self._open):  # then the inner searcher waits for scores
            return None
        if planned := self._plan():
            new = Bracket[Arch](*planned, number=len(self._begun))
            self._begun.append(new)
            self._open.append(new)
            return self._from(new)
        return None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        super()._learn(trial, score)
        bracket = self._home[trial.id]
        bracket.tell(trial, score)
        if bracket.finished:
            self._open.remove(bracket)

    def _from(self, bracket: Bracket[Arch]) -> Trial[Arch] | None:
        trial = bracket.promoted()
        if trial is None and bracket.wants and not self._exhausted:
            if new := self._candidate(bracket.rungs[0]):
                trial = bracket.add(new)
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
        check_counts("successive halving: ", n=n)
        if n < least:
            raise ConfigError(
                "too few candidates: none would reach the last rung",
                got=f"n={n} with the rungs {rungs}",
                expected=f"n of at least {least}",
                fix="more candidates, a higher min_budget, or a smaller eta",
            )
        self._sizes = rung_sizes(n, len(rungs), eta)
        super().__init__("successive_halving", searcher, rungs, eta, sizes=list(self._sizes))

    def _plan(self) -> Schedule | None:
        if self._begun:
            return None
        sizes = self._sizes
        while len(sizes) < len(self.rungs):  # the budget was raised before it began
            sizes += (max(1, math.floor(sizes[-1] / self._eta + SLACK)),)
        return self.rungs, sizes


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

    When the budget is raised, brackets that have begun get higher rungs, and those to come are of the larger budget:
    with all brackets there is one more.
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
        many = len(rungs) if brackets is None else brackets
        check_counts("Hyperband: ", brackets=many, rounds=1 if rounds is None else rounds)
        if many > len(rungs):
            raise ConfigError(
                "no such number of Hyperband brackets", got=brackets, expected=f"1 to {len(rungs)} for rungs {rungs}"
            )
        super().__init__("hyperband", searcher, rungs, eta, brackets=many, rounds=rounds)
        self.identity["eta"] = eta
        self._brackets, self._rounds = brackets, rounds
        self._round, self._place = 0, 0  # of the next bracket

    def _plan(self) -> Schedule | None:
        many = len(self.rungs) if self._brackets is None else self._brackets
        if self._place >= many:
            if self._rounds is not None and self._round + 1 >= self._rounds:
                return None
            self._round, self._place = self._round + 1, 0
        self._place += 1
        return hyperband_brackets(self.rungs, self._eta, many)[self._place - 1]


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


class ASHA(Scheduler[Arch]):
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
        rungs = rung_budgets(min_budget, max_budget, eta)
        super().__init__("asha", searcher, rungs, eta)
        self.identity["eta"] = eta
        self._results, self._order = [_Rung[Arch]() for _ in rungs], count()

    def _extend(self, new: tuple[float, ...]) -> None:
        self._results += [_Rung() for _ in new]

    def _next(self) -> Trial[Arch] | None:
        for level in reversed(range(len(self.rungs) - 1)):
            if old := self._results[level].promote(self._eta):
                return next_rung(old, self.rungs[level + 1])
        return self._candidate(self.rungs[0])

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        super()._learn(trial, score)
        self._results[self.rungs.index(trial.budget or 0.0)].add(score, next(self._order), trial)


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
