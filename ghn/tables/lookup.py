"""Look-ups as estimators: what training would have said at the cost that it had, and scores that were made before."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from statistics import fmean
from typing import Any, Protocol

import numpy as np

from ghn.errors import DataError, GhnError
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import CURVES, Run
from ghn.types import Finite, Score, Space, Trial, check_trials, member_of


class DistinctSpace(Space[Any], Finite, Protocol):
    """A space that knows one representative of each function it computes."""


class TableEstimator:
    """Looks scores up; "training" costs what it cost when the table was made (simulated).

    Architectures that `key` makes equal share their runs: a cell is scored with the mean over all cells that
    compute the same function. A `Trial.budget` is a number of epochs, of which whole ones count; a `resume`d
    trial costs the difference. What the table lacks is a failed `Score`. `extra["curve"]` holds the curves up to there.

    Args:
        table: the references.
        space: parses the table's official strings (and those of trials that hold strings).
        metric: one of `METRICS`; losses are negated, as higher is better.
        key: of an architecture; `space.canonical` by default.
        seed: look at this seed only, as a search would that trains once; None for the mean over all, which
            costs the sum of their times.

    Raises:
        ConfigError: unknown metric.
        DataError: the table is of another space, or has no reading of the metric; names those that it has.
    """

    def __init__(
        self,
        table: ReferenceTable,
        space: Space[Any],
        *,
        metric: str = "val_accuracy",
        key: Callable[[Any], Hashable] | None = None,
        seed: int | None = None,
    ) -> None:
        table.check(space=space.name)
        table.check_metric(metric)
        self.source, self._table, self._seed = table.header.source, table, seed
        self._space, self._metric, self._key = space, metric, key or space.canonical
        self._runs: dict[Hashable, list[Run]] = defaultdict(list)
        self._spent: dict[str, int | None] = {}  # epochs of each trial answered, None for all
        for run in table.runs:
            if seed in (None, run.seed):
                self._runs[self._key(space.parse(run.arch))].append(run)

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """A table has nothing to learn."""

    def remember(self, trial: Trial[Any]) -> None:
        """Takes a trial as answered, by another process or before a kill: one that resumes it costs the difference."""
        self._spent[trial.id] = None if trial.budget is None else math.floor(trial.budget)

    @property
    def identity(self) -> dict[str, Any]:
        settings = {"metric": self._metric, "seed": self._seed, "runs": _digest(self._table.runs)}
        return {**asdict(self._table.header), "versions": {}} | settings

    def cost(self, arch: Any) -> float | None:
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [self._score(trial) for trial in check_trials(trials)]

    def _score(self, trial: Trial[Any]) -> Score:
        try:
            arch = member_of(self._space, trial.arch)
            runs = self._runs.get(self._key(arch), [])
        except GhnError as error:
            return Score.failed(str(error))
        epoch = None if trial.budget is None else math.floor(trial.budget)
        found = [(r, run) for run in runs if (r := run.reading(self._metric, epoch)) is not None]
        if not found:
            return Score.failed(_why(arch, runs, self._metric, epoch))
        values = np.array([r for r, _ in found]) * (-1.0 if self._metric.endswith("loss") else 1.0)
        seconds = sum(run.seconds_until(epoch) for _, run in found)
        if trial.resume in self._spent:
            seconds -= sum(run.seconds_until(self._spent[trial.resume]) for _, run in found)
        self.remember(trial)
        last = max(run.epochs[-1] if run.epochs else 0 for _, run in found)
        return Score(
            value=float(values.mean()),
            cost_seconds=max(0.0, seconds),
            budget=float(epoch if epoch is not None else last) or None,
            std=float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None,
            extra={"runs": len(values)} | _curve([run for _, run in found], epoch),
        )


def _curve(runs: Sequence[Run], epoch: int | None) -> dict[str, Any]:
    """`{"curve": {...}}`: means over the runs up to an epoch, in the form of `TrainingEstimator`; or nothing."""
    epochs = [e for e in runs[0].epochs if epoch is None or e <= epoch]
    if not epochs or any(run.epochs != runs[0].epochs for run in runs):
        return {}
    own = {name: [getattr(run, name)[: len(epochs)] for run in runs] for name in CURVES}
    return {"curve": {"epochs": epochs} | {n: np.mean(c, axis=0).tolist() for n, c in own.items() if all(c)}}


def _why(arch: object, runs: Sequence[Run], metric: str, epoch: int | None) -> str:
    if not runs:
        return f"{arch} is not in the table"
    if epoch is None:
        return f"the table has no {metric} of {arch}"
    known = sorted({e for run in runs for e in run.epochs})
    span = f"epochs {known[0]} to {known[-1]}" if known else "no epochs"
    return f"the table has no {metric} of {arch} after epoch {epoch}: {metric} is looked up in {span}"


def distinct_references(space: DistinctSpace, table: ReferenceTable, metric: str = "test_accuracy") -> dict[str, float]:
    """One architecture for each distinct function of a space, with the mean reading of all runs that compute it.

    Args:
        space: chooses the representatives (`distinct`) and says which architectures are equal (`canonical`).
        table: the references; functions that it lacks are left out.
        metric: one of `METRICS`.

    Returns:
        Official string -> mean, in the order of the strings.
    """
    trials = [Trial(text, space.parse(text)) for text in sorted(space.format(arch) for arch in space.distinct())]
    scores = TableEstimator(table, space, metric=metric).score(trials)
    return {trial.id: score.value for trial, score in zip(trials, scores, strict=True) if score.ok}


class Recorded:
    """Scores that were made before, looked up.

    Args:
        scores: architecture -> its score.
        space: architectures of equal `space.canonical` share a score, and strings are parsed; None: equal ones alone.
        source: the paper behind the estimator that made them.
        identity: what they depend on, JSON-able.
        mean_cost: say that every look-up cost the mean of what the scores did, in place of what each one did.
    """

    def __init__(
        self,
        scores: Mapping[Any, Score],
        space: Space[Any] | None = None,
        *,
        source: str = "scores computed beforehand",
        identity: Mapping[str, Any] | None = None,
        mean_cost: bool = False,
    ) -> None:
        if not scores:
            raise DataError("no recorded scores to look up", expected="a score of each architecture")
        self.space, self.source = space, source
        self.scores, self._identity = dict(scores), dict(identity or {})
        self._by_key = {self._key(arch): score for arch, score in scores.items()}
        self._seconds = fmean(score.cost_seconds for score in scores.values()) if mean_cost else None

    def _key(self, arch: Any) -> Hashable:
        return arch if self.space is None else self.space.canonical(member_of(self.space, arch))

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing is learnt any more."""

    @property
    def identity(self) -> dict[str, Any]:
        return {"recorded": self.source, "scores": _digest(self.scores.items())} | self._identity

    def cost(self, arch: Any) -> float | None:
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        missing = Score.failed("no score was recorded for this architecture")
        found = [self._by_key.get(self._key(trial.arch), missing) for trial in trials]
        return found if self._seconds is None else [replace(one, cost_seconds=self._seconds) for one in found]


def _digest(content: Iterable[object]) -> str:
    """The same for the same content in any order."""
    return sha256("\n".join(sorted(map(repr, content))).encode()).hexdigest()
