"""PNAS: a search from simple cells to complex ones, in which a surrogate decides what is trained and grows further."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import chain
from random import Random
from typing import Any, Generic

from ghn.errors import ConfigError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.guard import Patience
from ghn.search.basic import Awaited
from ghn.spaces import describe_space
from ghn.types import Arch, Estimator, Growing, Score, Space, Trial, least_references


class ProgressiveSearch(Generic[Arch]):
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
        if beam < 1 or (first is not None and first < 1):
            raise ConfigError("a level needs at least one training", got=f"beam={beam}, first={first}")
        self.surrogate = surrogate or SurrogateEstimator(space, seed=seed)
        self.identity: dict[str, Any] = {
            "searcher": "pnas",
            "space": describe_space(space),
            "seed": seed,
            "surrogate": self.surrogate.identity,
            "beam": beam,
            "first": first,
            "budget": budget,
        }
        self.level = 0  # of the trials that are asked for
        self._space, self._rng, self._beam, self._first, self._budget = space, Random(seed), beam, first, budget
        self._forms: dict[Hashable, list[Arch]] = {}  # of each function that was asked for
        self._queue: list[Arch] = []
        self._awaited, self._asked = Awaited[Arch](), list[Trial[Arch]]()
        self._scores: dict[str, Score] = {}
        self._parents: list[Trial[Arch]] = []  # trained, of the level

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """Up to `n` trials of a level; the next level begins when all scores of this one are there."""
        if not self._queue and not len(self._awaited):
            self._queue = self._next_level()
        chosen, self._queue = self._queue[:n], self._queue[n:]
        new = [Trial(str(i), arch, self._budget) for i, arch in enumerate(chosen, len(self._asked))]
        self._asked += new
        return [self._awaited.add(trial) for trial in new]

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes a training in.

        Raises:
            ConfigError: the trial does not await a score.
        """
        self._awaited.take(trial)
        self._scores[trial.id] = score
        if score.ok:
            self._parents.append(trial)

    def _next_level(self) -> list[Arch]:
        """What is trained next, the most promising first; empty when nothing grows any more."""
        if not self._asked:
            forms, count = self._new(self._space.simplest()), self._first or self._beam
        else:
            parents = sorted(self._parents, key=lambda trial: int(trial.id))  # whatever the order of their scores
            grown = (self._forms[self._space.canonical(trial.arch)] for trial in parents)
            forms, count = self._new(a for form in chain(*grown) for a in self._space.expand(form)), self._beam
        chosen = self._promising([found[0] for found in forms.values()], count) if forms else []
        if chosen:
            self._forms |= {key: forms[key] for key in map(self._space.canonical, chosen)}
            self._parents, self.level = [], self.level + 1
        return chosen

    def _new(self, archs: Iterable[Arch]) -> dict[Hashable, list[Arch]]:
        """Functions not trained yet, with all their forms: each form of a function grows into others."""
        found: dict[Hashable, dict[Arch, None]] = {}
        for arch in archs:
            if (key := self._space.canonical(arch)) not in self._forms:
                found.setdefault(key, {})[arch] = None
        return {key: list(forms) for key, forms in found.items()}

    def _promising(self, archs: list[Arch], count: int) -> list[Arch]:
        known = [(t, self._scores[t.id]) for t in self._asked if t.id in self._scores]
        if sum(score.ok for _, score in known) < least_references(self.surrogate):
            return self._rng.sample(archs, min(count, len(archs)))
        self.surrogate.fit(known)
        trials = [Trial(str(i), arch, self._budget) for i, arch in enumerate(archs)]
        scores = Patience().judge(self.surrogate, trials)
        ranked = sorted((-score.value, i) for i, score in enumerate(scores) if score.ok)
        return [archs[i] for _, i in ranked[:count]]
