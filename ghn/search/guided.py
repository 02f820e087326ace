"""Searchers in which a cheap estimator chooses what is trained: `Screened` around any other, and PNAS."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain

from ghn.errors import ConfigError, check_counts
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.guard import Patience
from ghn.search.basic import Around, SpaceSearch
from ghn.types import Arch, Estimator, Growing, Score, Searcher, Space, Trial, least_references


class Screened(Around[Arch]):
    """Of `factor` proposals for each trial, hands on the one that a cheap estimator likes best.

    This is how a surrogate or a hypernetwork's score is plugged into a search: around random search or evolution, and
    within the schedulers, as `SuccessiveHalving(Screened(RandomSearch(space), estimator, factor=64), ...)`. The inner
    searcher is told a failure for what was screened out, so that it is neither a parent nor awaited. When the history
    of a killed search is replayed, proposals are screened again.

    Args:
        searcher: proposes.
        estimator: cheap; judges proposals.
        factor: proposals for each trial, at least 2.
        refit: fit the estimator to the finished trials after every so many successes, once there are as many as it
            needs; None never does.

    Attributes:
        cost_seconds: spent on screening, which no trial's cost contains.

    Raises:
        ConfigError: factor or refit out of range.
        EstimatorError: from `ask`, when the estimator raises an error for one proposal after the other.
    """

    def __init__(
        self, searcher: Searcher[Arch], estimator: Estimator[Arch], factor: int, *, refit: int | None = None
    ) -> None:
        super().__init__(searcher)
        if factor < 2 or (refit is not None and refit < 1):
            raise ConfigError("screening needs a factor of at least 2, and refit of at least 1", got=(factor, refit))
        self.source = f"screened by: {estimator.source}"
        self._estimator, self._factor, self._refit = estimator, factor, refit
        self._history: list[tuple[Trial[Arch], Score]] = []
        self._patience, self.cost_seconds = Patience(), 0.0
        self.identity = {
            "searcher": "screened",
            "factor": factor,
            "refit": refit,
            "estimator": estimator.identity,
            "inner": searcher.identity,
        }

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """The best `n` of `n * factor` proposals; of equal ones, and where the estimator fails, the earlier."""
        proposals = self._inner.ask(n * self._factor)
        scores = self._patience.judge(self._estimator, proposals)
        self.cost_seconds += sum(score.cost_seconds for score in scores)
        worth = [score.value if score.ok else float("-inf") for score in scores]
        chosen = set(sorted(range(len(proposals)), key=lambda i: -worth[i])[:n])
        for i, trial in enumerate(proposals):
            if i not in chosen:
                self._inner.tell(trial, Score.failed("screened out"))
        self._awaited |= {proposals[i].id: proposals[i] for i in chosen}
        return [proposals[i] for i in sorted(chosen)]

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        super()._learn(trial, score)
        if score.ok and self._refit is not None:
            self._history.append((trial, score))
            if len(self._history) % self._refit == 0 and len(self._history) >= least_references(self._estimator):
                self._estimator.fit(self._history)


class ProgressiveSearch(SpaceSearch[Arch]):
    """Level by level: what was trained grows, the surrogate is fitted on all trainings and picks what is trained next.

    The first level is drawn at random; there is nothing yet to learn from. A function (`space.canonical`) is trained
    once. Failed trials are counted by whoever runs the search; they do not grow. While there are too few references to
    fit the surrogate (its `least`, where it has one), the next level is drawn at random too.

    Source: Liu et al., "Progressive Neural Architecture Search", ECCV 2018, algorithm 1. There a level adds a block to
    a cell; here it adds what `space.expand` does.

    Args:
        space: gives the levels.
        seed: of the draws.
        surrogate: any estimator that learns from references; by default a random forest on encodings of the cell.
        beam: trainings a level (K).
        first: trainings of the first level; as many as `beam` by default. The paper trains all: the number of
            `space.simplest()`, or any greater one.
        budget: of every trial, in the estimator's unit; None for its default.

    Raises:
        ConfigError: the space gives no levels, or a number is out of range.
        EstimatorError: from `ask`, when the surrogate raises an error for one candidate after the other.
    """

    source = "Liu et al., Progressive Neural Architecture Search, ECCV 2018"

    def __init__(
        self,
        space: Space[Arch],
        seed: int = 0,
        *,
        surrogate: Estimator[Arch] | None = None,
        beam: int = 20,
        first: int | None = None,
        budget: float | None = None,
    ) -> None:
        if not isinstance(space, Growing):
            raise ConfigError(
                "a progressive search needs a space that grows",
                got=space.name,
                expected="a space with the methods `simplest()` and `expand(arch)`",
                fix="use another searcher, such as evolution",
            )
        check_counts("a level of a progressive search: ", beam=beam, first=beam if first is None else first)
        self.surrogate = surrogate or SurrogateEstimator(space, seed=seed)
        super().__init__("pnas", space, seed, budget, surrogate=self.surrogate.identity, beam=beam, first=first)
        self.level = 0  # of the trials that are asked for
        self._grows, self._beam, self._first = space, beam, first
        self._forms: dict[Hashable, list[Arch]] = {}  # of each function that was asked for
        self._queue: list[Arch] = []
        self._told: list[tuple[Trial[Arch], Score]] = []
        self._earlier = 0  # how many of them are of earlier levels

    def _next(self) -> Trial[Arch] | None:
        if not self._queue and not self._awaited:
            self._queue = self._next_level()
        return self._trial(self._queue.pop(0)) if self._queue else None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        self._told.append((trial, score))

    def _next_level(self) -> list[Arch]:
        """What is trained next, the most promising first; empty when nothing grows any more."""
        self._told.sort(key=lambda pair: int(pair[0].id))  # whatever the order of their scores
        if not self._told:
            forms, count = self._new(self._grows.simplest()), self._first or self._beam
        else:
            grown = (self._forms[self._space.canonical(t.arch)] for t, score in self._told[self._earlier :] if score.ok)
            forms, count = self._new(a for form in chain(*grown) for a in self._grows.expand(form)), self._beam
        chosen = self._promising([found[0] for found in forms.values()], count) if forms else []
        if chosen:
            self._forms |= {key: forms[key] for key in map(self._space.canonical, chosen)}
            self._earlier, self.level = len(self._told), self.level + 1
        return chosen

    def _new(self, archs: Iterable[Arch]) -> dict[Hashable, list[Arch]]:
        """Functions not trained yet, with all their forms: each form of a function grows into others."""
        found: dict[Hashable, dict[Arch, None]] = {}
        for arch in archs:
            if (key := self._space.canonical(arch)) not in self._forms:
                found.setdefault(key, {})[arch] = None
        return {key: list(forms) for key, forms in found.items()}

    def _promising(self, archs: list[Arch], count: int) -> list[Arch]:
        if sum(score.ok for _, score in self._told) < least_references(self.surrogate):
            return self._rng.sample(archs, min(count, len(archs)))
        self.surrogate.fit(self._told)
        trials = [Trial(str(i), arch, self._budget) for i, arch in enumerate(archs)]
        scores = Patience().judge(self.surrogate, trials)
        ranked = sorted((-score.value, i) for i, score in enumerate(scores) if score.ok)
        return [archs[i] for _, i in ranked[:count]]
