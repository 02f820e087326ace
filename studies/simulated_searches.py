"""Searchers at equal cost, simulated: on the project's own curves, and on the published table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import numpy as np

from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.curves.estimator import CurveEstimator, make_curve_model
from ghn.search.basic import ListSearch, RandomSearch, RegularizedEvolution
from ghn.search.halving import ASHA, Hyperband, SuccessiveHalving
from ghn.search.ladder import Ladder, LadderStep
from ghn.search.plan import live_macs
from ghn.search.runner import run_search
from ghn.search.simulate import simulate_regret
from ghn.spaces import make_space
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.spaces.nasbench201.published import read_analog_nasbench
from ghn.tables.lookup import TableEstimator, distinct_references
from ghn.tables.references import ReferenceTable
from ghn.types import Estimator, Score, Searcher, Space, Trial, member_of
from studies.regrets import Regrets

Scored = Callable[[Space[Any], Sequence[Any]], Estimator[Any]]  # what judges a pool first, on the ladder
# Seconds of a published training, 200 epochs on 25,000 images: a line through architectures 0, 11 and 284 of the
# NATS-Bench archive, which took 1,444, 2,492 and 975 s with 15.6, 114.0 and 11.7 million multiply-adds.
PUBLISHED_SECONDS, PUBLISHED_PER_MAC = 1_000.0, 13e-6


def embedded_study(scored: Scored, *, seeds: int = 20, cost: float = 24, pilot: int = 6) -> Regrets:
    """Schedulers and the ladder on the 96 shipped curves of 20 epochs; their seconds are counted.

    A search sees one training of each network, and its validation accuracies. Regret is in test accuracy after 20
    epochs, the mean over seeds where there are several.

    Args:
        scored: makes what judges first on the ladder.
        seeds: runs of each searcher at each cost.
        cost: the largest, in full trainings of mean length.
        pilot: of the ladder.
    """
    table = ReferenceTable.load(asset(EMBEDDED))
    space = make_space(table.header.space, **table.header.skeleton)
    archs, final = table.archs(), table.value("test_accuracy")
    epochs = float(table.header.recipe["epochs"])
    trained = TableEstimator(table, space, seed=0)
    unit = float(np.mean([run.seconds for run in table.runs if run.seed == 0]))
    grid = _grid(pilot, cost)
    steps = ladder_steps(scored(space, archs), trained, epochs, (2.0, 6.0))
    climb = _climber(space, steps, unit, [space.parse(arch) for arch in archs], pilot)

    def halve(seed: int, trainings: float) -> Any:
        searcher = SuccessiveHalving(ListSearch(archs, seed), max_budget=epochs, total=trainings * epochs)
        return _chosen(searcher, trained)

    judged: dict[str, Any] = {"quality": final.__getitem__, "best": max(final.values()), "seeds": seeds}
    running: dict[str, Callable[[int], Searcher[Any]]] = {
        "random search": lambda seed: ListSearch(archs, seed, budget=epochs),
        "Hyperband": lambda seed: Hyperband(ListSearch(archs, seed), max_budget=epochs, rounds=None),
        "ASHA": lambda seed: ASHA(ListSearch(archs, seed), max_budget=epochs),
    }
    seconds = [unit * trainings for trainings in grid]
    regrets = {
        name: simulate_regret(make, trained, grid=seconds, unit="seconds", **judged) for name, make in running.items()
    }
    regrets |= {
        "successive halving": regret_of_budgets(halve, grid=grid, **judged),
        "ladder": regret_of_budgets(climb, grid=grid, **judged),
    }
    return Regrets("embedded", f"full trainings, {unit:.0f} s each", grid, regrets)


def published_study(
    scored: Scored, *, seeds: int = 20, cost: float = 100, pilot: int = 6, limit: int | None = None
) -> Regrets:
    """Random search, evolution and the ladder on the published accuracies; training times as in `PUBLISHED_SECONDS`.

    The table has one number a network, the mean over cells that compute the same function: what the search sees and
    what it is judged by are the same. It has no curves, so there is nothing for schedulers to schedule.

    Args:
        scored: makes what judges first on the ladder.
        seeds: runs of each searcher at each cost.
        cost: the largest, in full trainings of mean length.
        pilot: of the ladder.
        limit: only so many of the distinct networks for the ladder; None for all.
    """
    table = read_analog_nasbench()
    space: Any = make_space("nasbench201", **table.header.skeleton)
    accuracy = distinct_references(space, table)
    by_key = {space.canonical(space.parse(arch)): value for arch, value in accuracy.items()}
    pool = [space.parse(arch) for arch in accuracy][:limit]
    macs = lru_cache(maxsize=None)(partial(live_macs, space))

    def price(trial: Trial[Any], _: Score) -> float:
        return PUBLISHED_SECONDS + PUBLISHED_PER_MAC * macs(trial.arch)

    trained = FixedPrice(TableEstimator(table, space, metric="test_accuracy"), price, "a line over multiply-adds")
    unit = PUBLISHED_SECONDS + PUBLISHED_PER_MAC * float(np.mean([macs(arch) for arch in pool]))
    grid = _grid(pilot, cost)
    climb = _climber(
        space, [LadderStep("score", scored(space, pool)), LadderStep("training", trained)], unit, pool, pilot, macs
    )
    judged: dict[str, Any] = {
        "quality": lambda arch: by_key[space.canonical(member_of(space, arch))],
        "best": max(accuracy.values()),
        "seeds": seeds,
    }
    running: dict[str, Callable[[int], Searcher[Any]]] = {
        "random search": lambda seed: RandomSearch(space, seed),
        "evolution": lambda seed: RegularizedEvolution(space, seed, population=20, sample=5, distinct=True),
    }
    seconds = [unit * trainings for trainings in grid]
    regrets = {
        name: simulate_regret(make, trained, grid=seconds, unit="seconds", **judged) for name, make in running.items()
    }
    regrets["ladder"] = regret_of_budgets(climb, grid=grid, **judged)
    return Regrets("nasbench201", f"full trainings, {unit:.0f} s each", grid, regrets)


def regret_of_budgets(
    find: Callable[[int, float], Any],
    quality: Callable[[Any], float],
    best: float,
    grid: Sequence[float],
    *,
    seeds: int = 20,
) -> np.ndarray:
    """What `simulate_regret` gives, for what is told its budget beforehand, such as a ladder: a run for each.

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


class FixedPrice:
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
        return {"estimator": self.estimator.identity, "price": self.about}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        self.estimator.fit(history)

    def cost(self, arch: Any) -> float | None:
        return self.estimator.cost(arch)

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        scores = self.estimator.score(trials)
        return [replace(s, cost_seconds=self.price(t, s)) for t, s in zip(trials, scores, strict=True)]


def ladder_steps(
    first: Estimator[Any], trained: Estimator[Any], epochs: float, cheap: Sequence[float]
) -> list[LadderStep]:
    """The ladder that is compared: a score, a little training, a curve extrapolated, full training.

    Args:
        first: gives the score.
        trained: trains for `Trial.budget` epochs and gives curves.
        epochs: of full training.
        cheap: epochs of the two steps between.
    """
    curve = CurveEstimator(trained, make_curve_model("sotl"), int(cheap[1]), int(epochs))
    return [
        LadderStep("score", first),
        LadderStep(f"{cheap[0]:g} epochs", trained, cheap[0], "training"),
        LadderStep(f"{cheap[1]:g} epochs, extrapolated", curve, cheap[1], "training"),
        LadderStep("full training", trained, epochs, "training"),
    ]


def _climber(
    space: Space[Any],
    steps: list[LadderStep],
    unit: float,
    pool: list[Any],
    pilot: int,
    size: Callable[[Any], float] | None = None,
) -> Callable[[int, float], str | None]:
    """What a ladder finds with a seed and so many trainings of `unit` seconds; None: they do not pay for its pilot."""
    size = size or lru_cache(maxsize=None)(partial(live_macs, space))

    def climb(seed: int, trainings: float) -> str | None:
        try:
            return (
                Ladder(
                    space,
                    steps,
                    seconds=unit * trainings,
                    pool=pool,
                    pilot=pilot,
                    seed=seed,
                    size=size,
                    progress=False,
                )
                .run()
                .best
            )
        except ConfigError:
            return None

    return climb


def _chosen(searcher: Searcher[Any], estimator: Estimator[Any]) -> Any:
    best = run_search(searcher, estimator, progress=False).best
    return None if best is None else best[0].arch


def _grid(least: int, cost: float) -> list[float]:
    """Costs to look at, from what a pilot takes on."""
    if cost < least + 1:
        raise ConfigError("compare.cost is too small", got=cost, expected=f"more than the {least} trainings of a pilot")
    return [float(x) for x in np.unique(np.linspace(least + 1, cost, 12).round())]
