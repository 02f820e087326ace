"""Successive halving and Hyperband around any searcher: many candidates get a little, the best of them get more."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from typing import Any, Generic

from ghn.analysis.successive_halving import hyperband_brackets, rung_budgets, rung_sizes, total_budget
from ghn.errors import ConfigError
from ghn.search.basic import Awaited
from ghn.types import Arch, Score, Searcher, Trial


def first_rung(candidate: Trial[Arch], budget: float) -> Trial[Arch]:
    """A candidate's trial on the first rung."""
    return Trial(f"{candidate.id}@{budget:g}", candidate.arch, budget)


def next_rung(trial: Trial[Arch], budget: float) -> Trial[Arch]:
    """The trial that goes on from one on the rung below."""
    return Trial(f"{trial.id.rpartition('@')[0]}@{budget:g}", trial.arch, budget, trial.id)


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
        self._queue: deque[Trial[Arch]] = deque()  # promoted, not yet given out

    @property
    def wants(self) -> bool:
        """Whether the first rung has places left."""
        return self._rung == 0 and not self._closed and len(self._members) < self.sizes[0]

    def start(self, candidate: Trial[Arch]) -> Trial[Arch]:
        """A candidate's trial on the first rung."""
        return self._give(first_rung(candidate, self.rungs[0]))

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
        self._queue.extend(next_rung(trial, self.rungs[self._rung]) for trial in best)


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
        self._exhausted, self._awaited = False, Awaited[Arch]()
        self._home: dict[str, Bracket[Arch]] = {}
        self._candidates: dict[str, Trial[Arch]] = {}  # the inner searcher's, by the id of their first trial
        self.identity = {**identity, "inner": searcher.identity}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` trials: promotions before new candidates."""
        out: list[Trial[Arch]] = []
        while len(out) < n and (trial := self._next()):
            out.append(self._awaited.add(trial))
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Closes the rung when the trial is its last."""
        self._awaited.take(trial)
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
