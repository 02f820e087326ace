"""Searchers compared at equal cost on a table of finished trainings: nothing is trained, and many seeds are cheap."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.search.result import Limit
from ghn.search.runner import run_search
from ghn.search.workers import Workers, judge_trial
from ghn.types import Estimator, Score, Searcher, Trial

UNITS = ("epochs", "trials", "seconds")


class Simulated(Workers):
    """Several workers on a clock of their own: a trial takes the seconds that its score says it cost.

    Args:
        estimator: answers at once, such as a `TableEstimator`.
        slots: number of workers.

    Attributes:
        finished: the clock at the end of each trial, in that order.
    """

    def __init__(self, estimator: Estimator[Any], slots: int = 1) -> None:
        self.slots, self.finished, self._clock = slots, list[float](), 0.0
        self._estimator, self._begun, self._count = estimator, list[tuple[float, int, Trial[Any], Score]](), 0

    def submit(self, trial: Trial[Any], parent: Trial[Any] | None) -> None:
        score = judge_trial(self._estimator, trial, parent)
        heapq.heappush(self._begun, (self._clock + score.cost_seconds, self._count, trial, score))
        self._count += 1

    def wait(self) -> list[tuple[Trial[Any], Score]]:
        self._clock, _, trial, score = heapq.heappop(self._begun)
        self.finished.append(self._clock)
        return [(trial, score)]

    def now(self) -> float:
        return self._clock


def simulate_regret(
    make: Callable[[int], Searcher[Any]],
    estimator: Estimator[Any],
    quality: Callable[[Any], float],
    best: float,
    grid: Sequence[float],
    *,
    seeds: int = 20,
    unit: str = "epochs",
    workers: int = 1,
) -> np.ndarray:
    """What the best network found lacks to the best there is, against what was spent.

    The best found is chosen by what the search saw (`SearchResult.best`) and judged by `quality`.

    Args:
        make: makes a searcher from a seed.
        estimator: a table.
        quality: of an architecture, fully trained; higher is better.
        best: quality of the best there is.
        grid: rising costs at which to look.
        seeds: number of runs.
        unit: of the costs: `epochs` or `trials` spent, or `seconds` on the simulated clock.
        workers: simulated workers.

    Returns:
        [seeds, len(grid)]; NaN where nothing had been found yet.

    Raises:
        ConfigError: unknown unit, or no seeds.
        DataError: a search found nothing at all within the largest cost.
    """
    if unit not in UNITS or seeds < 1:
        raise ConfigError("a simulation needs seeds and a unit of cost", got=(seeds, unit), expected=UNITS)
    limits = {
        "epochs": Limit(epochs=grid[-1]),
        "trials": Limit(trials=int(grid[-1])),
        "seconds": Limit(seconds=grid[-1]),
    }
    out = np.full((seeds, len(grid)), np.nan)
    for seed in range(seeds):
        crew = Simulated(estimator, workers)
        result = run_search(make(seed), crew, limit=limits[unit], progress=False)
        spent = {"seconds": crew.finished, "trials": range(1, len(result.steps) + 1)}
        costs = spent.get(unit, [step.epochs for step in result.steps])
        regret = [np.nan if s.best is None else best - quality(s.best[0].arch) for s in result.steps]
        if not np.isfinite(regret).any():
            raise DataError(
                "a simulated search found nothing", got=f"{len(regret)} trials", fix="a larger cost, or another table"
            )
        at = np.searchsorted(costs, grid, side="right") - 1
        out[seed] = [np.nan if i < 0 else regret[i] for i in at]
    return out
