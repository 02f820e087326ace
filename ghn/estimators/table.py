"""A reference table as an estimator: what training would have said, at the cost that it had."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ghn.errors import GhnError
from ghn.estimators.references import ReferenceTable
from ghn.estimators.table_file import append_run
from ghn.estimators.table_row import CURVES, METRICS, Run, TableHeader, check_metric
from ghn.types import Score, Space, Trial, member_of

__all__ = ["METRICS", "ReferenceTable", "Run", "TableEstimator", "TableHeader", "append_run"]


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
        check_metric(metric)
        table.check(space=space.name)
        self.source, self._header, self._seed = table.header.source, table.header, seed
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
        """What a score depends on, JSON-able."""
        return {**asdict(self._header), "versions": {}, "metric": self._metric, "seed": self._seed}

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Looks each trial up."""
        return [self._score(trial) for trial in trials]

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
