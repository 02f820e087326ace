"""Trained references of any origin in one object: trained here or published, with curves or without.

A reference table as an estimator: what training would have said, at the cost that it had.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError, GhnError
from ghn.tables.rows import CURVES, METRICS, Run, TableHeader, check_metric
from ghn.tables.storage import read_file, write_file
from ghn.types import Score, Space, Trial, member_of


@dataclass(frozen=True)
class ReferenceTable:
    """Trained references of any origin.

    Args:
        header: where they come from.
        runs: finished trainings; several of one architecture have different seeds.

    Raises:
        DataError: one (arch, seed) is there twice.
    """

    header: TableHeader
    runs: tuple[Run, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "runs", tuple(self.runs))
        if len(self._keys) != len(self.runs):
            raise DataError(
                "a reference table with one (arch, seed) twice",
                got=f"{len(self.runs)} runs, {len(self._keys)} of them different",
            )

    @classmethod
    def load(cls, path: str | Path, *, resume: bool = False) -> ReferenceTable:
        """Reads a table (`.jsonl`, or `.jsonl.gz`) and validates all of it.

        Args:
            path: the file.
            resume: read an unfinished table too, and drop a torn last line with a warning.

        Raises:
            DataError: missing, truncated, foreign, duplicated or non-finite; says the line and the field.
        """
        header, runs = read_file(Path(path), resume=resume)
        return cls(header, tuple(runs))

    @classmethod
    def resume(cls, path: str | Path, header: TableHeader) -> ReferenceTable:
        """Opens the table of a job: made empty when it is not there, else loaded, without a torn last line.

        `append_run(path, run)` then adds to it, `(arch, seed) in table` says what is done, and
        `ReferenceTable.resume(path, header).save(path, overwrite=True)` finishes it.

        Raises:
            DataError: the file is not valid, or its runs were trained otherwise than `header` says.
        """
        path = Path(path)
        if not path.exists():
            write_file(path, header, (), finished=False, overwrite=False)
        table = cls.load(path, resume=True)
        table.check(
            space=header.space,
            task=header.task,
            task_checksum=header.task_checksum,
            skeleton=header.skeleton,
            recipe=header.recipe,
        )
        return table

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the table, finished, atomically; gzipped when the name ends in `.gz`.

        Raises:
            ExistsError: the file exists and `overwrite` is false.
        """
        write_file(Path(path), self.header, self.runs, finished=True, overwrite=overwrite)

    def check(self, **expected: Any) -> None:
        """Compares fields of the header, such as `task_checksum=task.checksum`.

        Raises:
            DataError: one of them differs.
        """
        for name, value in expected.items():
            if getattr(self.header, name) != value:
                raise DataError(
                    f"the reference table was made otherwise: its {name} differs",
                    got=getattr(self.header, name),
                    expected=value,
                    fix="use the table made for these settings, or train one under another name",
                )

    def __len__(self) -> int:
        return len(self.runs)

    def __contains__(self, key: object) -> bool:
        """Whether (arch, seed) is there."""
        return key in self._keys

    @cached_property
    def _keys(self) -> frozenset[tuple[str, int]]:
        return frozenset((run.arch, run.seed) for run in self.runs)

    @cached_property
    def _by_arch(self) -> dict[str, tuple[Run, ...]]:
        found: dict[str, list[Run]] = defaultdict(list)
        for run in sorted(self.runs, key=lambda run: run.seed):
            found[run.arch].append(run)
        return {arch: tuple(found[arch]) for arch in dict.fromkeys(run.arch for run in self.runs)}

    def archs(self) -> list[str]:
        """The architectures, each once, in the order of the table."""
        return list(self._by_arch)

    def of(self, arch: str) -> tuple[Run, ...]:
        """The runs of an architecture by rising seed; empty when it is not there."""
        return self._by_arch.get(arch, ())

    def value(
        self, metric: str = "val_accuracy", *, seed_mean: bool = True, epoch: int | None = None
    ) -> dict[str, float]:
        """A metric of each architecture that has it.

        Args:
            metric: one of `METRICS`.
            seed_mean: the mean over the seeds; otherwise the lowest seed's alone.
            epoch: counted from 1; None for the last one.

        Raises:
            ConfigError: there is no such metric.
            DataError: no run has it (a published table may hold test accuracies only).
        """
        found = {}
        for arch, readings in self._readings(metric, epoch).items():
            found[arch] = math.fsum(readings) / len(readings) if seed_mean else readings[0]
        return found

    def seeds(self, metric: str = "val_accuracy", *, least: int = 2) -> tuple[list[str], np.ndarray]:
        """The readings of architectures trained several times: the seed-to-seed ceiling comes from them.

        Args:
            metric: one of `METRICS`, after the last epoch.
            least: take the architectures with at least so many seeds.

        Returns:
            The architectures, and float64 [n, s] by rising seed; s is the smallest number of seeds among them
            (n = 0 and s = `least` when there are none).
        """
        several = {arch: r for arch, r in self._readings(metric, None).items() if len(r) >= least}
        width = min(map(len, several.values()), default=least)
        return list(several), np.array([r[:width] for r in several.values()], dtype=float).reshape(-1, width)

    def curve(self, arch: str, metric: str = "val_accuracy", *, seed: int | None = None) -> np.ndarray:
        """The learning curve of an architecture, float64 [epochs recorded]: one seed, or the mean over all.

        Raises:
            ConfigError: there is no such curve in any table.
            DataError: the table lacks it, or the seeds' curves are not of the same epochs.
        """
        if metric not in CURVES:
            raise ConfigError("unknown curve of a reference table", got=metric, expected=CURVES)
        runs = [run for run in self.of(arch) if seed in (None, run.seed) and getattr(run, metric)]
        if len({run.epochs for run in runs}) != 1:
            raise DataError(
                f"no single {metric} curve of {arch}",
                got=f"{len(runs)} curves (seed: {'any' if seed is None else seed})",
                expected="one, or several of the same epochs",
            )
        return np.mean([getattr(run, metric) for run in runs], axis=0)

    def _readings(self, metric: str, epoch: int | None) -> dict[str, list[float]]:
        check_metric(metric)
        found = {}
        for arch, runs in self._by_arch.items():
            if readings := [r for run in runs if (r := run.reading(metric, epoch)) is not None]:
                found[arch] = readings
        if self.runs and not found:
            has = [m for m in METRICS if any(run.reading(m) is not None for run in self.runs)]
            raise DataError(f"no run of the table has {metric}", got=f"epoch {epoch}", expected=f"one of {has}")
        return found


# --- A reference table as an estimator: what training would have said, at the cost that it had ---


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

    def cost(self, arch: Any) -> float | None:
        """None: a look-up costs nothing."""
        return None

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
