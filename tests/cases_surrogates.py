"""References with a made-up accuracy that depends on the cell alone, and small helpers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import toy
from doubles import Double
from toy_models import cells

from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.types import Score, Trial


def accuracy(arch: Any) -> float:
    """Rises with convolutions and short ways, falls with poolings."""
    found = toy.SPACE.encode(arch)
    value = 0.5 + 0.06 * found["count_conv"] + 0.03 * found["count_pointwise"] - 0.02 * found["most_pools"]
    return round(value, 6)


def trials(archs: Sequence[Any]) -> list[Trial[Any]]:
    return [Trial(str(i), arch) for i, arch in enumerate(archs)]


def history(n: int = 40, seed: int = 0) -> list[tuple[Trial[Any], Score]]:
    return [(trial, Score(accuracy(trial.arch))) for trial in trials(cells(n, seed))]


def surrogate_of(**settings: Any) -> SurrogateEstimator:
    """A quick one."""
    return SurrogateEstimator(toy.SPACE, **{"model": "ridge", **settings})


def fitted(n: int = 40, **settings: Any) -> SurrogateEstimator:
    surrogate = surrogate_of(**settings)
    surrogate.fit(history(n))
    return surrogate


class Readings(Double):
    """An estimator that gives readings and curves of its own, and fails where it is told to."""

    def __init__(self, fails: Sequence[Any] = (), curve: int = 5) -> None:
        self.fails, self.curve = set(fails), curve

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [Score.failed("told to") if t.arch in self.fails else self._one(t) for t in trials]

    def _one(self, trial: Trial[Any]) -> Score:
        value = accuracy(trial.arch)
        epochs = range(1, self.curve + 1)
        curve = {"epochs": [*epochs], "val_accuracy": [value * e / 5 for e in epochs]}
        return Score(value, extra={"accuracy": value / 2, "curve": curve})
