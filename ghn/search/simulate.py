"""Searchers compared at equal cost on a table of finished trainings: nothing is trained, and many seeds are cheap."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.search.result import Limit, SearchResult
from ghn.search.runner import run_search
from ghn.search.workers import Simulated
from ghn.types import Estimator, Score, Searcher, Trial

UNITS = ("epochs", "trials", "seconds")


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
        costs = crew.finished if unit == "seconds" else _costs(result, unit)
        regret = [np.nan if s.best is None else best - quality(s.best[0].arch) for s in result.steps]
        if not np.isfinite(regret).any():
            raise DataError(
                "a simulated search found nothing", got=f"{len(regret)} trials", fix="a larger cost, or another table"
            )
        at = np.searchsorted(costs, grid, side="right") - 1
        out[seed] = [np.nan if i < 0 else regret[i] for i in at]
    return out


def regret_of_budgets(
    find: Callable[[int, float], Any],
    quality: Callable[[Any], float],
    best: float,
    grid: Sequence[float],
    *,
    seeds: int = 20,
) -> np.ndarray:
    """The same for what is told its budget beforehand, such as a ladder: one run for every seed and cost.

    Args:
        find: the architecture that is chosen with a seed and a budget; None where the budget does not suffice.
        quality: of an architecture, fully trained; higher is better.
        best: quality of the best there is.
        grid: budgets.
        seeds: number of runs at each budget.

    Returns:
        [seeds, len(grid)]; NaN where nothing was found.
    """
    chosen = [[find(seed, budget) for budget in grid] for seed in range(seeds)]
    return np.array([[np.nan if arch is None else best - quality(arch) for arch in row] for row in chosen])


def _costs(result: SearchResult, unit: str) -> list[float]:
    if unit == "epochs":
        return [step.epochs for step in result.steps]
    return [float(i) for i in range(1, len(result.steps) + 1)]


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
        return {"estimator": self.estimator.identity, "price": self.about}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """As the estimator does."""
        self.estimator.fit(history)

    def cost(self, arch: Any) -> float | None:
        """That of the estimator."""
        return self.estimator.cost(arch)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """The estimator's scores, at their price."""
        scores = self.estimator.score(trials)
        return [replace(s, cost_seconds=self.price(t, s)) for t, s in zip(trials, scores, strict=True)]
