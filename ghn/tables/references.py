"""Trained references of any origin in one object, with curves or without; put beside candidates to be compared with."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS
from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.tables.rows import CURVES, METRICS, Run, TableHeader, check_metric
from ghn.tables.storage import begin_file, finish_file, read_file, write_file
from ghn.types import Reference, Space


@brief
@dataclass(frozen=True)
class ReferenceTable:
    """Trained references of any origin: finished trainings; several of one architecture have different seeds."""

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

        With `resume`, an unfinished table is read too, and a torn last line dropped with a warning.

        Raises:
            DataError: missing, truncated, foreign, duplicated or non-finite; says the line and the field.
        """
        header, runs = read_file(Path(path), resume=resume)
        return cls(header, tuple(runs))

    @classmethod
    def resume(cls, path: str | Path, header: TableHeader) -> ReferenceTable:
        """Opens the table of a job: made empty when it is not there, else loaded, without a torn last line.

        `append_run(path, run)` then adds to it, `(arch, seed) in table` says what is done, and `finish(path, header)`
        finishes it; several processes may do so at once.

        Raises:
            DataError: the file is not valid, or its runs were trained otherwise than `header` says.
        """
        begin_file(Path(path), header)
        table = cls.load(path, resume=True)
        table.check(
            **{name: getattr(header, name) for name in ("space", "task", "task_checksum", "skeleton", "recipe")}
        )
        return table

    @classmethod
    def finish(cls, path: str | Path, header: TableHeader) -> ReferenceTable:
        """Writes the end of the table of a job, with all that any process has appended until then.

        Raises:
            DataError: as `resume`.
        """
        cls.resume(path, header)
        header, runs = finish_file(Path(path))
        return cls(header, tuple(runs))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Writes the table, finished, atomically; gzipped when the name ends in `.gz`.

        With `overwrite` it takes the place of whatever is there: one that others append to is ended by `finish`.
        """
        write_file(Path(path), self.header, self.runs, overwrite=overwrite)

    def check(self, **expected: Any) -> None:
        """Compares fields of the header, such as `task_checksum=task.checksum`."""
        for name, value in expected.items():
            if (own := getattr(self.header, name)) != value:
                other = "use the table made for these settings, or train one under another name"
                raise DataError(
                    f"the reference table was made otherwise: its {name} differs",
                    got=own,
                    expected=value,
                    fix=f"choose its space, space={own}; or {other}" if name == "space" else other,
                )

    def check_metric(self, metric: str) -> None:
        """Refuses a metric that there is not (`ConfigError`), or no run has (`DataError`, with those there are)."""
        check_metric(metric)
        has = [m for m in METRICS if any(run.reading(m) is not None for run in self.runs)]
        if self.runs and metric not in has:
            raise DataError(f"no run of the table has {metric}", expected=f"one of {has}", fix=f"metric={has[0]!r}")

    def __len__(self) -> int:
        return len(self.runs)

    def __contains__(self, key: object) -> bool:
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

        It is the mean over the seeds, or the lowest seed's alone, after an epoch counted from 1 or the last.

        Raises:
            DataError: no run has it (a published table may hold test accuracies only).
        """
        readings = self._readings(metric, epoch)
        return {arch: math.fsum(found) / len(found) if seed_mean else found[0] for arch, found in readings.items()}

    def seeds(self, metric: str = "val_accuracy", *, least: int = 2) -> tuple[list[str], np.ndarray]:
        """The architectures with at least so many seeds, and their readings after the last epoch, float64 [n, s].

        The seed-to-seed ceiling comes from them. They are by rising seed; s is the smallest number of seeds among them
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


def table_reference(
    path: Path | str, space: Space[Any], task_checksum: str | None, *, name: str | None = None, note: str | None = None
) -> Reference:
    """Test accuracies from a table: one that `train_references` wrote, or a published one that a reader gave.

    The table's `name` in a report is its path by default; `note` is what a reader must know. A published table, whose
    header has no checksum of a task, stands beside any images and any skeleton, and the note says what it is of; so
    does every table where `task_checksum` is None.

    Raises:
        DataError: it is missing or damaged, or of another space; or its networks were trained here, and not on the
            images of `task_checksum` and in the skeleton of the space.
    """
    table = ReferenceTable.load(path)
    if table.header.task_checksum and task_checksum is not None:
        table.check(space=space.name, task_checksum=task_checksum, skeleton=space.describe())
    else:
        table.check(space=space.name)
        where = "trained here" if table.header.task_checksum else "published"
        note = note or f"{where}: on {table.header.task}, in the skeleton {table.header.skeleton}"
    archs, seeds = table.seeds("test_accuracy")
    return Reference(
        f"{name or f'references in {path}'}: {table.header.recipe.get('epochs')} epochs of training on "
        f"{table.header.task}",
        "test accuracy",
        table.value("test_accuracy"),
        dict(zip(archs, seeds.tolist(), strict=True)),
        note,
    )


def some_of(reference: Reference, n: int) -> list[str]:
    """The networks of a reference; where it has more than `n`, so many drawn with a fixed seed.

    Tables have an order of their own, often that of the alphabet: their first networks stand for nothing.
    """
    archs = list(reference.values)
    if n >= len(archs):
        return archs
    return [archs[i] for i in np.random.default_rng(0).permutation(len(archs))[:n]]


def aligned(reference: Reference, archs: Sequence[str]) -> tuple[list[int], np.ndarray, np.ndarray | None]:
    """Which candidates have a reference, their values [n], and their seeds [n, s] (NaN where missing) or None."""
    index = [i for i, arch in enumerate(archs) if arch in reference.values]
    if len(index) < MIN_ITEMS:
        raise DataError(
            f"too few candidates have a reference in {reference.name!r}",
            got=len(index),
            expected=f"at least {MIN_ITEMS}",
            fix="choose other references or more candidates; or train more: ghn references archs=N resume=true",
        )
    values = np.array([reference.values[archs[i]] for i in index])
    if not reference.seeds:
        return index, values, None
    width = min(len(s) for s in reference.seeds.values())
    blank = [np.nan] * width
    seeds = np.array([list(reference.seeds.get(archs[i], blank))[:width] for i in index])
    return index, values, seeds
