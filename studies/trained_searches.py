"""Searchers at equal cost, trained for real: random search, evolution, Hyperband and the ladder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.app.makers.trained import make_low_fidelity
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.search.basic import RandomSearch, RegularizedEvolution
from ghn.search.halving import Hyperband
from ghn.search.ladder import Ladder
from ghn.search.plan import live_macs
from ghn.search.result import Limit
from ghn.search.runner import run_search
from ghn.spaces import make_space
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.references import ReferenceTable
from ghn.train.rungs import PASSES
from ghn.types import Estimator, Finite, Score, Searcher, Trial
from studies.regrets import Regrets
from studies.simulated_searches import FixedPrice, ladder_steps

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
) -> Regrets:
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
    if not isinstance(setting.space, Finite):
        raise ConfigError("the ladder draws from the networks of a space, and this one cannot list its own")
    if epochs < 3:
        raise ConfigError("schedulers need trainings of several epochs", got=f"recipe.epochs={epochs}", expected=">= 3")
    trainer = make_low_fidelity(setting)
    price, unit = _price(setting)
    trained = FixedPrice(trainer, price, "shipped references")
    courses: dict[str, list[Course]] = {"random search": [], "evolution": [], "Hyperband": [], "ladder": []}
    finished: set[str] = set()
    for seed in range(seeds):
        for name, searcher in _searchers(setting.space, epochs, seed).items():
            place = folder / f"{name.replace(' ', '_')}-{seed}"
            course, ended = _search(setting, searcher, trained, unit * cost, place, progress=progress)
            courses[name].append(course)
            finished |= ended
        ladder = Ladder(
            setting.space,
            ladder_steps(first, trained, epochs, (1.0, max(2.0, epochs // 3))),
            seconds=unit * cost,
            pool=Random(seed).sample(setting.space.distinct(), pool),
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
    regrets = _regrets(courses, [unit * c for c in grid], accuracy, finished)
    return Regrets("trained", f"full trainings of {epochs} epochs, {unit:.0f} s each", grid, regrets)


def _search(
    setting: Setting, searcher: Searcher[Any], trained: FixedPrice, seconds: float, folder: Path, *, progress: bool
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


def _regrets(
    courses: Mapping[str, Sequence[Course]], grid: Sequence[float], accuracy: Mapping[str, float], finished: set[str]
) -> dict[str, np.ndarray]:
    """What each course lacked, after so many seconds, to the best that was trained fully: [runs, costs] by searcher."""
    best = max(accuracy[text] for text in finished)

    def regret(course: Course, cost: float) -> float:
        chosen = next((text for spent, text in reversed(course) if spent <= cost), None)
        return float("nan") if chosen is None else best - accuracy[chosen]

    return {name: np.array([[regret(c, cost) for cost in grid] for c in runs]) for name, runs in courses.items()}
