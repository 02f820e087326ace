"""Searchers that need nothing but scores: a list gone through, random search, evolution; and what all others share."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Hashable, Sequence
from itertools import count
from random import Random
from typing import Any, Generic

from ghn.errors import ConfigError, check_counts, check_numbers, check_seeds
from ghn.spaces import describe_space
from ghn.spaces.members import TRIES, draw_new
from ghn.types import Arch, Bracketed, Inherits, Raisable, Score, Searcher, Space, Trial, check_space


class OneByOne(Generic[Arch]):
    """A searcher that proposes one trial after the other (`_next`), learns from each score (`_learn`), and refuses
    scores that it does not await.
    """

    def __init__(self) -> None:
        self._awaited: dict[str, Trial[Arch]] = {}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        out: list[Trial[Arch]] = []
        while len(out) < n and (trial := self._next()) is not None:
            self._awaited[trial.id] = trial
            out.append(trial)
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        if self._awaited.get(trial.id) != trial:
            raise ConfigError(
                "a searcher was told of a trial that does not await a score",
                got=trial,
                expected=f"one of {len(self._awaited)} trials that were asked for",
                fix="tell each trial that `ask` gave, once",
            )
        del self._awaited[trial.id]
        self._learn(trial, score)

    def _next(self) -> Trial[Arch] | None:
        """The next trial; None when scores are needed first, or at the end."""
        raise NotImplementedError

    def _learn(self, trial: Trial[Arch], score: Score) -> None: ...


class Around(OneByOne[Arch]):
    """A searcher around another one, with what that one can: to inherit, to tell brackets, to raise its budget."""

    def __init__(self, inner: Searcher[Arch]) -> None:
        super().__init__()
        self._inner = inner

    @property
    def inherits(self) -> bool:
        return isinstance(self._inner, Inherits) and self._inner.inherits

    def bracket_of(self, trial: Trial[Arch]) -> int | None:
        return self._inner.bracket_of(trial) if isinstance(self._inner, Bracketed) else None

    @property
    def max_budget(self) -> float:
        return self._raisable.max_budget

    def raise_budget(self, max_budget: float) -> None:
        self._raisable.raise_budget(max_budget)

    @property
    def _raisable(self) -> Raisable:
        return as_raisable(self._inner)

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        self._inner.tell(trial, score)


def as_raisable(searcher: Searcher[Any]) -> Raisable:
    """The searcher, whose largest budget can be raised; a `ConfigError` for one of a single budget."""
    if isinstance(searcher, Raisable):
        return searcher
    raise ConfigError(
        "this searcher has no largest budget that could be raised",
        got=searcher.identity.get("searcher", type(searcher).__name__),
        expected="successive_halving, hyperband or asha",
    )


class ListSearch(OneByOne[Arch]):
    """Goes through given architectures once, in an order drawn from the seed: random search over a table.

    Args:
        archs: the architectures, each once.
        seed: of the order; None keeps the given one.
        budget: of every trial, in the estimator's unit; None for its default.
    """

    source = "Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012"

    def __init__(self, archs: Sequence[Arch], seed: int | None = 0, *, budget: float | None = None) -> None:
        super().__init__()
        if len(set(archs)) != len(archs) or not archs:
            raise ConfigError("a list to search needs architectures, each once", got=f"{len(archs)} of them")
        order = list(archs)
        if seed is not None:
            Random(seed).shuffle(order)
        self._left = (Trial(str(i), arch, budget) for i, arch in enumerate(order))
        digest = hashlib.sha256(json.dumps(order).encode()).hexdigest()
        self.identity = {"searcher": "list", "archs": digest, "budget": budget}

    def _next(self) -> Trial[Arch] | None:
        return next(self._left, None)


class SpaceSearch(OneByOne[Arch]):
    """A searcher of a space with trials of one budget, numbered in the order in which they are proposed."""

    def __init__(self, name: str, space: Space[Arch], seed: int, budget: float | None, **settings: Any) -> None:
        super().__init__()
        check_space(space)
        check_seeds(f"the searcher {name}: ", seed=seed)
        if budget is not None:
            check_numbers(f"the searcher {name}: ", above=0, budget=budget)
        self._space, self._rng, self._budget, self._number = space, Random(seed), budget, count()
        self._seen: set[Hashable] = set()
        common = {"searcher": name, "space": describe_space(space), "seed": seed, "budget": budget}
        self.identity: dict[str, Any] = common | settings

    def _trial(self, arch: Arch, parent: str | None = None) -> Trial[Arch]:
        return Trial(str(next(self._number)), arch, self._budget, parent)


class RandomSearch(SpaceSearch[Arch]):
    """Draws uniformly from a space.

    Args:
        space: to draw from.
        seed: of the draws.
        budget: of every trial, in the estimator's unit; None for its default.
        distinct: propose no function (`space.canonical`) twice; the search is finished when 1,000 draws in a row
            give nothing new.
    """

    source = "Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012"

    def __init__(
        self, space: Space[Arch], seed: int = 0, *, budget: float | None = None, distinct: bool = True
    ) -> None:
        super().__init__("random", space, seed, budget, distinct=distinct)
        self._distinct, self._finished = distinct, False

    def _next(self) -> Trial[Arch] | None:
        if not self._finished:
            arch = self._draw_new() if self._distinct else self._draw()
            if arch is not None:
                return self._trial(arch)
            self._finished = True
        return None

    def _draw(self) -> Arch:
        return self._space.sample(self._rng)

    def _draw_new(self) -> Arch | None:
        return draw_new(self._space, self._rng, self._seen)


class RegularizedEvolution(RandomSearch[Arch]):
    """Aging evolution: mutate the best of a sample of the population, in which the oldest makes room for each child.

    The population is filled with random members first. Failed trials never enter it. An architecture can come up
    again, as in the paper; `distinct=True` looks for a mutation, or at last a random member, that is new.

    Source: Real, Aggarwal, Huang & Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019,
    algorithm 1; a mutation is a uniformly drawn neighbour.

    Args:
        space: to search.
        seed: of all draws.
        population: number of networks in it (P).
        sample: networks drawn from it, with replacement, of which the best becomes a parent (S).
        budget: of every trial, in the estimator's unit; None for its default.
        distinct: propose no function twice.
    """

    source = "Real et al., Regularized Evolution for Image Classifier Architecture Search, AAAI 2019"

    def __init__(
        self,
        space: Space[Arch],
        seed: int = 0,
        *,
        population: int = 50,
        sample: int = 10,
        budget: float | None = None,
        distinct: bool = False,
    ) -> None:
        check_counts("an evolution: ", population=population, sample=sample)
        if sample > population or population < 2:
            raise ConfigError(
                "an evolution needs a population of at least 2 and a sample within it",
                got=f"population={population}, sample={sample}",
            )
        super().__init__(space, seed, budget=budget, distinct=distinct)
        self.identity |= {"searcher": "evolution", "population": population, "sample": sample}
        self._sample, self._alive = sample, deque[tuple[Arch, float]](maxlen=population)

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        if score.ok:  # when the population is full, the oldest dies
            self._alive.append((trial.arch, score.value))

    def _draw(self) -> Arch:
        if len(self._alive) < (self._alive.maxlen or 0):
            return super()._draw()
        parent, _ = max(self._rng.choices(self._alive, k=self._sample), key=lambda member: member[1])
        return self._rng.choice(list(self._space.neighbours(parent)))

    def _draw_new(self) -> Arch | None:
        for _ in range(TRIES // 10):
            arch = self._draw()
            if (key := self._space.canonical(arch)) not in self._seen:
                self._seen.add(key)
                return arch
        return super()._draw_new()
