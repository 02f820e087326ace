"""Learning curves as arrays, what makes one impossible to extrapolate, and how stable their order is."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ghn.analysis.stability import Stability, measure_stability
from ghn.display import brief
from ghn.errors import DataError
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run
from ghn.types import Score

Floats = NDArray[np.float64]
ARRAYS = ("val_accuracy", "train_loss", "features")
CONSTANT = 3  # equal readings in a row that are no coincidence: validation sets have thousands of images


@brief
@dataclass(frozen=True)
class Curves:
    """Learning curves of several runs over common epochs.

    Args:
        ids: of each run, [n]; runs of one architecture share theirs.
        epochs: rising numbers of at least 1, [t].
        val_accuracy: fractions, [n, t]; NaN where not observed (yet).
        train_loss: in nats, [n, t]; None when unknown.
        features: of the architectures, [n, f]; None when unknown.
    """

    ids: tuple[str, ...]
    epochs: tuple[int, ...]
    val_accuracy: Floats
    train_loss: Floats | None = None
    features: Floats | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(map(str, self.ids)))
        object.__setattr__(self, "epochs", tuple(map(int, self.epochs)))
        for name in ARRAYS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=float))
        _check(self)

    @classmethod
    def from_table(cls, table: ReferenceTable, features: Mapping[str, ArrayLike] | None = None) -> Curves:
        """Every run of a table that has a validation curve; features are equally many numbers of each architecture."""
        runs = [run for run in table.runs if run.val_accuracy]
        if missing := [run.arch for run in runs if features is not None and run.arch not in features]:
            raise DataError("an architecture of the table has no features", got=missing[0])
        curves = [
            {"epochs": run.epochs, "val_accuracy": run.val_accuracy, "train_loss": run.train_loss or None}
            for run in runs
        ]
        own = None if features is None else np.array([features[run.arch] for run in runs], dtype=float)
        return cls._of([run.arch for run in runs], curves, own)

    @classmethod
    def from_scores(cls, ids: Sequence[str], scores: Sequence[Score], features: ArrayLike | None = None) -> Curves:
        """What `Score.extra["curve"]` of trainings holds: `epochs`, `val_accuracy` and, perhaps, `train_loss`.

        The trainings [n] are finished or short, and their epochs may differ; features are [n, f].
        """
        if missing := [i for i, s in zip(ids, scores, strict=True) if "val_accuracy" not in s.extra.get("curve", {})]:
            raise DataError(
                f"the score of {missing[0]} has no learning curve",
                expected='extra["curve"] with epochs and val_accuracy',
                fix="score with TrainingEstimator, or with a TableEstimator whose table has curves",
            )
        own = None if features is None else np.asarray(features, dtype=float)
        return cls._of(ids, [score.extra["curve"] for score in scores], own)

    @classmethod
    def _of(cls, ids: Sequence[str], curves: Sequence[Mapping[str, Any]], features: Floats | None) -> Curves:
        """Curves over the union of their epochs."""
        if not curves:
            raise DataError("no learning curves", expected="at least one run with val_accuracy a epoch")
        epochs = sorted({epoch for curve in curves for epoch in curve["epochs"]})
        place = {epoch: i for i, epoch in enumerate(epochs)}
        made = {name: np.full((len(curves), len(epochs)), np.nan) for name in ("val_accuracy", "train_loss")}
        for row, curve in enumerate(curves):
            columns = [place[epoch] for epoch in curve["epochs"]]
            for name, array in made.items():
                if curve.get(name) is not None:
                    array[row, columns] = curve[name]
        loss = made["train_loss"] if any(curve.get("train_loss") is not None for curve in curves) else None
        return cls(tuple(ids), tuple(epochs), made["val_accuracy"], loss, features)

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, index: ArrayLike) -> Curves:
        """Some of the runs, by numbers or by a mask."""
        chosen = np.arange(len(self))[np.asarray(index)]
        arrays: dict[str, Any] = {name: None if (a := getattr(self, name)) is None else a[chosen] for name in ARRAYS}
        return Curves(tuple(self.ids[i] for i in chosen), self.epochs, **arrays)

    def at(self, epochs: Sequence[int]) -> Curves:
        """The curves after some epochs only."""
        if missing := [epoch for epoch in epochs if epoch not in self.epochs]:
            raise DataError("the curves have no such epoch", got=missing, expected=f"some of {list(self.epochs)}")
        columns = [self.epochs.index(epoch) for epoch in epochs]
        loss = None if self.train_loss is None else self.train_loss[:, columns]
        return replace(self, epochs=tuple(epochs), val_accuracy=self.val_accuracy[:, columns], train_loss=loss)

    def until(self, epoch: int) -> Curves:
        """The curves up to an epoch, inclusive."""
        return self.at([e for e in self.epochs if e <= epoch])

    def finished(self, horizon: int) -> Curves:
        """The runs observed at every epoch up to the horizon, so far."""
        self.at([horizon])
        upto = self.until(horizon)
        return upto.rows(np.isfinite(upto.val_accuracy).all(axis=1))

    def joined(self, other: Curves) -> Curves:
        """The runs of both, over the epochs that both have."""
        epochs = [epoch for epoch in self.epochs if epoch in other.epochs]
        one, two = self.at(epochs), other.at(epochs)
        columns: dict[str, Any] = {}
        for name in ARRAYS:
            a, b = getattr(one, name), getattr(two, name)
            if name == "features" and (a is None) != (b is None):
                raise DataError(
                    "learning curves to be joined", got="features in one of them", expected="in both or none"
                )
            columns[name] = None if a is None or b is None else np.concatenate([a, b])
        return Curves((*one.ids, *two.ids), tuple(epochs), **columns)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How many epochs of each run have been observed, [n]."""
        seen = np.isfinite(self.val_accuracy)
        return np.where(seen.any(1), len(self.epochs) - seen[:, ::-1].argmax(1), 0)

    @property
    def digest(self) -> str:
        """Tells these curves from others."""
        parts = [getattr(self, name) for name in ARRAYS]
        data = repr((self.ids, self.epochs)).encode() + b"".join(b"-" if p is None else p.tobytes() for p in parts)
        return hashlib.sha256(data).hexdigest()[:16]

    def problems(self, least: int) -> list[str | None]:
        """Why each run cannot be extrapolated (`least`: fewest epochs that a model can do with); None where it can."""
        return [self._problem(row, int(length), least) for row, length in enumerate(self.lengths)]

    def _problem(self, row: int, length: int, least: int) -> str | None:
        seen = self.val_accuracy[row, :length]
        if not np.isfinite(seen).all():
            return f"val_accuracy after epoch {self.epochs[int(np.isfinite(seen).argmin())]} is missing or NaN"
        if length < least:
            return f"too few points: {length} observed, at least {least} needed"
        if length >= CONSTANT and np.ptp(seen) == 0:
            return f"a constant curve: {length} times {seen[0]:g}, nothing to extrapolate"
        loss = None if self.train_loss is None else self.train_loss[row, :length]
        if loss is None or np.isnan(loss).all():
            return None
        if not np.isfinite(loss).all():
            return f"diverged: train_loss after epoch {self.epochs[int(np.isfinite(loss).argmin())]} is not finite"
        if length >= CONSTANT and loss[-1] > loss[0]:
            return f"diverged: train_loss rose from {loss[0]:g} to {loss[-1]:g}"
        return None


def _check(curves: Curves) -> None:
    n, t = len(curves.ids), len(curves.epochs)
    if t == 0 or any(b <= a for a, b in zip((0, *curves.epochs), curves.epochs, strict=False)):
        raise DataError("epochs of learning curves", got=curves.epochs, expected="rising numbers from 1")
    for name in ("val_accuracy", "train_loss"):
        array = getattr(curves, name)
        if array is not None and array.shape != (n, t):
            raise DataError(
                f"{name} of learning curves", got=f"shape {array.shape}", expected=f"[{n} runs, {t} epochs]"
            )
    values = curves.val_accuracy
    bad = ~np.isnan(values) & ~((values >= 0) & (values <= 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise DataError(
            f"val_accuracy of {curves.ids[row]} after epoch {curves.epochs[column]}",
            got=float(values[row, column]),
            expected="a fraction in [0, 1], not percent",
        )
    features = curves.features
    if features is not None and (features.ndim != 2 or len(features) != n or not np.isfinite(features).all()):
        raise DataError("features of learning curves", got=f"shape {features.shape}", expected=f"[{n}, f], finite")


def stability_of_table(
    table: ReferenceTable,
    metric: str = "val_accuracy",
    *,
    seed: int = 0,
    scale: float = 1.0,
    unit: str = "",
    **options: Any,
) -> Stability:
    """Measures the stability of the learning curves in a table: one seed's curves, epoch by epoch, and all seeds.

    Args:
        table: with curves.
        metric: `val_accuracy`, `train_accuracy`, `val_loss` or `train_loss`; losses are negated.
        seed: whose curves are followed; a search trains once.
        scale: what values are multiplied by, such as 100 for points.
        unit: of the scaled values.
        options: those of `measure_stability`: `top`, `etas`, `draws`, `bootstrap`, `progress`.

    Raises:
        DataError: too few networks have a curve with this seed.
        ConfigError: as in `measure_stability`.
    """
    sign = -scale if metric.endswith("loss") else scale
    runs = [run for arch in table.archs() for run in table.of(arch) if run.seed == seed]
    epochs = sorted({epoch for run in runs for epoch in run.epochs})
    values = {float(epoch): _readings(runs, metric, epoch) * sign for epoch in epochs}
    several = [own for arch in table.archs() if len(own := table.of(arch)) > 1]
    width = min(map(len, several), default=0)
    seeds = {
        float(e): np.array([_readings(own[:width], metric, e) * sign for own in several]) for e in epochs if several
    }
    name = f"{metric.replace('_', ' ')} of {len(runs)} trainings on {table.header.task}"
    return measure_stability(values, seeds=seeds, name=name, unit=unit, **options)


def _readings(runs: Sequence[Run], metric: str, epoch: int) -> Floats:
    found = [run.reading(metric, epoch) if epoch in run.epochs else None for run in runs]
    return np.array([np.nan if value is None else value for value in found], dtype=float)
