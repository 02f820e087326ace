"""Searchers at equal cost: simulated on the project's own curves, on the published table, and trained for real.

Searchers at equal cost with real trainings: random search, evolution, Hyperband and the ladder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.app.estimators import make_low_fidelity
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.curves.estimator import CurveEstimator, make_curve_model
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.search.halving import ASHA, Hyperband, SuccessiveHalving
from ghn.search.history import Limit
from ghn.search.ladder import Ladder, Step
from ghn.search.local import ListSearch, RandomSearch, RegularizedEvolution
from ghn.search.plan import Priced, live_macs
from ghn.search.runner import run_search
from ghn.search.simulate import regret_of_budgets, simulate_regret
from ghn.spaces import make_space
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.spaces.nasbench201.published import distinct_references, read_analog_nasbench
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.train.rungs import PASSES
from ghn.types import Estimator, Score, Searcher, Space, Trial, member_of

Scored = Callable[[Space[Any], Sequence[Any]], Estimator[Any]]  # what judges a pool first, on the ladder
# Seconds of a published training, 200 epochs on 25,000 images: a line through architectures 0, 11 and 284 of the
# NATS-Bench archive, which took 1,444, 2,492 and 975 s with 17.7, 117.3 and 11.9 million multiply-adds.
PUBLISHED_SECONDS, PUBLISHED_PER_MAC = 1_000.0, 13e-6


@dataclass(frozen=True)
class Study:
    """Regrets of searchers at equal cost.

    Attributes:
        table: what was searched.
        unit: of the costs, in words.
        cost: at which was looked.
        regrets: [seeds, costs] by searcher, as a difference of accuracies; NaN where nothing had been found yet.
    """

    table: str
    unit: str
    cost: Sequence[float]
    regrets: Mapping[str, np.ndarray]

    def summary(self) -> dict[str, Any]:
        """Quartiles over seeds, in points of accuracy; None where some seed had found nothing yet."""
        quartiles = {}
        for name, found in self.regrets.items():
            rows = np.percentile(100 * found, [25, 50, 75], axis=0)
            quartiles[name] = {
                key: [None if np.isnan(v) else float(v) for v in row.round(4)]
                for key, row in zip(("low", "median", "high"), rows, strict=True)
            }
        seeds = len(next(iter(self.regrets.values())))
        return {
            "table": self.table,
            "unit": self.unit,
            "seeds": seeds,
            "cost": list(self.cost),
            "regret_points": quartiles,
        }


def embedded_study(scored: Scored, *, seeds: int = 20, cost: float = 24, pilot: int = 6) -> Study:
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
    return Study("embedded", f"full trainings, {unit:.0f} s each", grid, regrets)


def published_study(
    scored: Scored, *, seeds: int = 20, cost: float = 100, pilot: int = 6, limit: int | None = None
) -> Study:
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

    trained = Priced(TableEstimator(table, space, metric="test_accuracy"), price, "a line over multiply-adds")
    unit = PUBLISHED_SECONDS + PUBLISHED_PER_MAC * float(np.mean([macs(arch) for arch in pool]))
    grid = _grid(pilot, cost)
    climb = _climber(space, [Step("score", scored(space, pool)), Step("training", trained)], unit, pool, pilot, macs)
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
    return Study("nasbench201", f"full trainings, {unit:.0f} s each", grid, regrets)


def ladder_steps(first: Estimator[Any], trained: Estimator[Any], epochs: float, cheap: Sequence[float]) -> list[Step]:
    """The ladder that is compared: a score, a little training, a curve extrapolated, full training.

    Args:
        first: gives the score.
        trained: trains for `Trial.budget` epochs and gives curves.
        epochs: of full training.
        cheap: epochs of the two steps between.
    """
    curve = CurveEstimator(trained, make_curve_model("sotl"), int(cheap[1]), int(epochs))
    return [
        Step("score", first),
        Step(f"{cheap[0]:g} epochs", trained, cheap[0], "training"),
        Step(f"{cheap[1]:g} epochs, extrapolated", curve, cheap[1], "training"),
        Step("full training", trained, epochs, "training"),
    ]


def _climber(
    space: Space[Any],
    steps: list[Step],
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


# --- Searchers at equal cost with real trainings: random search, evolution, Hyperband and the ladder ---

Course = list[tuple[float, str]]  # what was spent, and what would be chosen then, from there on


def trained_study(
    setting: Setting,
    first: Estimator[Any],
    folder: Path,
    *,
    seeds: int = 3,
    cost: float = 20,
    pilot: int = 6,
    pool: int = 500,
    progress: bool = True,
) -> Study:
    """Trains what searchers propose, in the whole space; no network is trained twice, and everything is resumed.

    A training costs what such a one cost in the shipped references (a line through their multiply-adds), whatever else
    the machine does now; the ladder's first step costs its own seconds. Regret is in test accuracy, of the training
    that was chosen by its validation accuracy, to the best that any of these searches trained fully.

    Args:
        setting: its recipe is full training.
        first: judges first on the ladder.
        folder: of histories and trainings.
        seeds: runs of each searcher.
        cost: of each run, in full trainings of mean length.
        pilot: of the ladder.
        pool: networks that the ladder's first step may judge, drawn from the distinct ones.
        progress: whether to show bars.
    """
    epochs = setting.recipe.epochs
    if epochs < 3:
        raise ConfigError("schedulers need trainings of several epochs", got=f"recipe.epochs={epochs}", expected=">= 3")
    trainer = make_low_fidelity(setting)
    price, unit = _price(setting)
    trained = Priced(trainer, price, "shipped references")
    courses: dict[str, list[Course]] = {"random search": [], "evolution": [], "Hyperband": [], "ladder": []}
    finished: set[str] = set()
    for seed in range(seeds):
        for name, searcher in _searchers(setting.space, epochs, seed).items():
            own = folder / f"{name.replace(' ', '_')}-{seed}"
            course, ended = _search(setting, searcher, trained, unit * cost, own, progress=progress)
            courses[name].append(course)
            finished |= ended
        ladder = Ladder(
            setting.space,
            ladder_steps(first, trained, epochs, (1.0, max(2.0, epochs // 3))),
            seconds=unit * cost,
            pool=Random(seed).sample(setting.space.distinct(), pool),  # type: ignore[attr-defined]
            pilot=pilot,
            folder=folder / f"ladder-{seed}",
            seed=seed,
            progress=progress,
        )
        course, ended = _climb(ladder)
        courses["ladder"].append(course)
        finished |= ended
    accuracy = _test_accuracies(trainer, finished | _chosen_networks(courses), progress=progress)
    grid = [float(i) for i in range(1, int(cost) + 1)]
    best = max(accuracy[text] for text in finished)
    regrets = {
        name: np.array([_regret(course, [unit * c for c in grid], accuracy, best) for course in runs])
        for name, runs in courses.items()
    }
    return Study("trained", f"full trainings of {epochs} epochs, {unit:.0f} s each", grid, regrets)


def _search(
    setting: Setting, searcher: Searcher[Any], trained: Priced, seconds: float, folder: Path, *, progress: bool
) -> tuple[Course, set[str]]:
    """The course of a search, and what it trained fully."""
    limit, write = Limit(cost_seconds=seconds), setting.space.format
    result = run_search(searcher, trained, limit=limit, folder=folder, resume=True, progress=progress)
    full = {write(t.arch) for t, s in result.history if s.ok and s.budget == setting.recipe.epochs}
    return [(step.cost_seconds, write(step.best[0].arch)) for step in result.steps if step.best], full


def _climb(ladder: Ladder) -> tuple[Course, set[str]]:
    """The course of a ladder, and what it trained fully."""
    last = [(t, s.value, spent) for step, t, s, spent in ladder.run().history if step == "full training" and s.ok]
    course = [(spent, max(last[: i + 1], key=lambda x: x[1])[0]) for i, (_, _, spent) in enumerate(last)]
    return course, {text for text, _, _ in last}


def _searchers(space: Any, epochs: int, seed: int) -> dict[str, Searcher[Any]]:
    return {
        "random search": RandomSearch(space, seed, budget=epochs),
        "evolution": RegularizedEvolution(space, seed, population=8, sample=3, budget=epochs, distinct=True),
        "Hyperband": Hyperband(RandomSearch(space, seed), max_budget=epochs, rounds=None),
    }


def _price(setting: Setting) -> tuple[Callable[[Trial[Any], Score], float], float]:
    """Seconds of a trial, and those of a full training of mean length, as the shipped references had them."""
    table = ReferenceTable.load(asset(EMBEDDED))
    space = make_space(table.header.space, **table.header.skeleton)
    macs = [live_macs(space, space.parse(run.arch)) for run in table.runs]
    slope, fixed = np.polyfit(macs, [run.seconds / table.header.recipe["epochs"] for run in table.runs], 1)
    images = PASSES * len(setting.task.train) + len(setting.task.val)

    def price(trial: Trial[Any], score: Score) -> float:
        if not score.ok:
            return score.cost_seconds
        own = live_macs(setting.space, trial.arch)
        return round(score.extra["macs"] / (own * images)) * float(fixed + slope * own)

    return price, setting.recipe.epochs * float(fixed + slope * np.mean(macs))


def _chosen_networks(courses: dict[str, list[Course]]) -> set[str]:
    return {text for runs in courses.values() for course in runs for _, text in course}


def _test_accuracies(trainer: LowFidelityEstimator, texts: set[str], *, progress: bool) -> dict[str, float]:
    found = {}
    for text in tqdm(sorted(texts), desc="test accuracy", unit="net", disable=not progress):
        found[text] = trainer.trained(trainer.space.parse(text)).evaluate(trainer.task.test)[1]
    return found


def _regret(course: Course, grid: Sequence[float], accuracy: dict[str, float], best: float) -> list[float]:
    chosen = [next((text for spent, text in reversed(course) if spent <= cost), None) for cost in grid]
    return [float("nan") if text is None else best - accuracy[text] for text in chosen]
