"""Estimators at prices: what searches are compared with, so that equal work costs all of them the same."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from ghn.types import Estimator, Score, Space, Trial, member_of


class Priced:
    """An estimator whose answers cost what a function says, in place of what a clock said on a busy machine.

    Args:
        estimator: judges.
        price: seconds for a trial that was given a score, failed ones included.
        about: tells this price from others, for `identity`.
    """

    def __init__(self, estimator: Estimator[Any], price: Callable[[Trial[Any], Score], float], about: str) -> None:
        self.estimator, self.price, self.about, self.source = estimator, price, about, estimator.source

    @property
    def identity(self) -> dict[str, Any]:
        """What a score depends on, JSON-able."""
        return {"estimator": getattr(self.estimator, "identity", self.source), "price": self.about}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """As the estimator does."""
        self.estimator.fit(history)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """The estimator's scores, at their price."""
        scores = self.estimator.score(trials)
        return [replace(s, cost_seconds=self.price(t, s)) for t, s in zip(trials, scores, strict=True)]


class Recorded:
    """Scores that were made before, each at the mean of what they cost.

    Args:
        scores: by architecture.
        space: architectures of equal `space.canonical` share a score.
        source: the paper behind the estimator that made them.
    """

    def __init__(self, scores: Mapping[Any, Score], space: Space[Any], source: str) -> None:
        self.space, self.source = space, source
        self._scores = {self._key(arch): score for arch, score in scores.items()}
        self._seconds = fmean(score.cost_seconds for score in scores.values())

    def _key(self, arch: Any) -> Hashable:
        return self.space.canonical(member_of(self.space, arch))

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing is learnt any more."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Looks each trial up; one that was not scored is a failure."""
        missing = Score.failed("no score was recorded for this architecture")
        found = [self._scores.get(self._key(trial.arch), missing) for trial in trials]
        return [replace(score, cost_seconds=self._seconds) for score in found]
