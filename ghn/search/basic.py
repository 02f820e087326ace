"""Searchers that need nothing but scores: a list gone through, random search, evolution; and what all others share."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Hashable, Sequence
from random import Random
from typing import Any, Generic

from ghn.errors import ConfigError
from ghn.spaces import describe_space
from ghn.spaces.draw import TRIES, draw_new
from ghn.types import Arch, Score, Space, Trial


class Awaited(Generic[Arch]):
    """The trials of a searcher that await their scores."""

    def __init__(self) -> None:
        self._trials: dict[str, Trial[Arch]] = {}

    def add(self, trial: Trial[Arch]) -> Trial[Arch]:
        """Notes a trial as proposed, and gives it back."""
        self._trials[trial.id] = trial
        return trial

    def take(self, trial: Trial[Arch]) -> None:
        """Strikes a trial out, as its score has come.

        Raises:
            ConfigError: it was never proposed, or its score came before.
        """
        if self._trials.get(trial.id) != trial:
            raise ConfigError(
                "a searcher was told of a trial that does not await a score",
                got=trial,
                expected=f"one of {len(self._trials)} trials that were asked for",
                fix="tell each trial that `ask` gave, once",
            )
        del self._trials[trial.id]

    def __len__(self) -> int:
        return len(self._trials)


class ListSearch(Generic[Arch]):
    """Goes through given architectures once, in an order drawn from the seed: random search over a table.

    Args:
        archs: the architectures, each once.
        seed: of the order; None keeps the given one.
        budget: of every trial, in the estimator's unit; None for its default.
    """

    source = "Bergstra & Bengio, Random Search for Hyper-Parameter Optimization, JMLR 2012"

    def __init__(self, archs: Sequence[Arch], seed: int | None = 0, *, budget: float | None = None) -> None:
        if len(set(archs)) != len(archs) or not archs:
            raise ConfigError("a list to search needs architectures, each once", got=f"{len(archs)} of them")
        self._order = list(archs)
        if seed is not None:
            Random(seed).shuffle(self._order)
        self._budget, self._next, self._awaited = budget, 0, Awaited[Arch]()
        digest = hashlib.sha256(json.dumps(self._order).encode()).hexdigest()
        self.identity = {"searcher": "list", "archs": digest, "budget": budget}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """The next `n` of the list."""
        first, self._next = self._next, min(self._next + n, len(self._order))
        return [self._awaited.add(Trial(str(i), self._order[i], self._budget)) for i in range(first, self._next)]

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Learns nothing."""
        self._awaited.take(trial)


class _Drawing(Generic[Arch]):
    """A searcher that draws one architecture after another; trials are numbered in that order."""

    def __init__(
        self, name: str, space: Space[Arch], seed: int, budget: float | None, *, distinct: bool, **settings: Any
    ) -> None:
        self._space, self._rng, self._budget, self._distinct = space, Random(seed), budget, distinct
        self._seen: set[Hashable] = set()
        self._asked, self._finished, self._awaited = 0, False, Awaited[Arch]()
        drawing = {"seed": seed, **settings, "budget": budget, "distinct": distinct}
        self.identity: dict[str, Any] = {"searcher": name, "space": describe_space(space), **drawing}

    def ask(self, n: int = 1) -> list[Trial[Arch]]:
        """`n` draws; fewer when the space is exhausted."""
        out: list[Trial[Arch]] = []
        while len(out) < n and not self._finished:
            arch = self._new() if self._distinct else self._draw()
            if arch is None:
                self._finished = True
            else:
                out.append(self._awaited.add(Trial(str(self._asked), arch, self._budget)))
                self._asked += 1
        return out

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Takes a score in."""
        self._awaited.take(trial)

    def _draw(self) -> Arch:
        return self._space.sample(self._rng)

    def _new(self) -> Arch | None:
        return draw_new(self._space, self._rng, self._seen)


class RandomSearch(_Drawing[Arch]):
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


class RegularizedEvolution(_Drawing[Arch]):
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
        if not 1 <= sample <= population or population < 2:
            raise ConfigError(
                "an evolution needs a population of at least 2 and a sample within it",
                got=f"population={population}, sample={sample}",
            )
        super().__init__("evolution", space, seed, budget, distinct=distinct, population=population, sample=sample)
        self._size, self._sample = population, sample
        self._alive: deque[tuple[Arch, float]] = deque(maxlen=population)

    def tell(self, trial: Trial[Arch], score: Score) -> None:
        """Puts a success into the population; when it is full, the oldest dies."""
        self._awaited.take(trial)
        if score.ok:
            self._alive.append((trial.arch, score.value))

    def _draw(self) -> Arch:
        if len(self._alive) < self._size:
            return super()._draw()
        parent, _ = max(self._rng.choices(self._alive, k=self._sample), key=lambda member: member[1])
        return self._rng.choice(list(self._space.neighbours(parent)))

    def _new(self) -> Arch | None:
        for _ in range(TRIES // 10):
            arch = self._draw()
            if (key := self._space.canonical(arch)) not in self._seen:
                self._seen.add(key)
                return arch
        return super()._new()
