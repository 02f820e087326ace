"""Judges models of learning curves on finished runs: order, error, calibration and cost, and early termination."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS, Statistic, rank
from ghn.errors import ConfigError
from ghn.families.curves.model import FEWEST_FINISHED, CurveModel, Predictions, architecture_ids
from ghn.families.curves.stopping import Termination, early_termination
from ghn.tables.curves import Curves, Floats

LEVELS = (0.5, 0.8, 0.95)
ORDERS = ("kendall", "kendall_best_half", "regret@5")


@dataclass(frozen=True)
class Protocol:
    """How models are judged.

    Attributes:
        observed: epochs after which they are asked.
        horizon: the epoch that they foretell.
        folds: a model never sees a run of an architecture that it is asked about; the architectures are cut into folds,
            into more where a model would be left with too few runs to learn from.
        draws: how often the cut is made anew; statistics and the ends of intervals are means over the cuts.
        bootstrap: resamples behind the intervals.
        threshold: of early termination.
        seed: of cuts and resamples.
    """

    observed: Sequence[int] = (2, 4, 6, 10)
    horizon: int = 20
    folds: int = 5
    draws: int = 2
    bootstrap: int = 1000
    threshold: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.observed or not 0 < min(self.observed) <= max(self.observed) < self.horizon:
            raise ConfigError("observed epochs", got=list(self.observed), expected=f"some of 1 to {self.horizon - 1}")
        if self.folds < 2 or self.draws < 1:
            raise ConfigError("folds and draws", got=(self.folds, self.draws), expected="folds >= 2, draws >= 1")


@dataclass(frozen=True)
class Verdict:
    """How good a model was after some epochs.

    Attributes:
        model: its name.
        observed: epochs seen.
        n: runs extrapolated.
        failed: runs that could not be.
        statistics: `kendall`, `kendall_best_half`, `regret@5`, `rmse`, `mae`, and `coverage@0.5`, `0.8`, `0.95`: the
            share of runs inside that interval. None in all of them where fewer than ten runs were extrapolated.
        fit_seconds: of one fit.
        run_seconds: of one run's extrapolation.
        errors: why runs failed -> how many.
    """

    model: str
    observed: int
    n: int
    failed: int
    statistics: dict[str, Statistic]
    fit_seconds: float
    run_seconds: float
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Crossed:
    """Predictions of all runs by models that had not seen them, and seconds of a fit and of a run by epoch."""

    predicted: dict[int, Predictions]
    fit_seconds: float
    run_seconds: dict[int, float]


def cross_predict(make: Callable[[], CurveModel], curves: Curves, protocol: Protocol, draw: int = 0) -> Crossed:
    """Extrapolates each run with a model fitted on the other folds' architectures."""
    fold = _cut(curves, protocol, draw)
    parts: dict[int, list[tuple[np.ndarray, Predictions]]] = {epoch: [] for epoch in protocol.observed}
    fitting, seconds = 0.0, dict.fromkeys(protocol.observed, 0.0)
    for number in np.unique(fold):
        model, index = make(), np.flatnonzero(fold == number)
        started = time.perf_counter()
        model.fit(curves.rows(fold != number))
        fitting += time.perf_counter() - started
        for epoch in protocol.observed:
            started = time.perf_counter()
            found = model.predict(curves.rows(index).until(epoch), protocol.horizon)
            seconds[epoch] += time.perf_counter() - started
            parts[epoch].append((index, found))
    n = len(curves)
    return Crossed(
        {epoch: _joined(found, n) for epoch, found in parts.items()},
        fitting / len(np.unique(fold)),
        {epoch: spent / n for epoch, spent in seconds.items()},
    )


def enough_folds(curves: Curves, protocol: Protocol) -> int:
    """The fewest folds, those of the protocol at least, in which all models have `FEWEST_FINISHED` runs to learn from.

    Raises:
        ConfigError: there are too few runs, or architectures, for any number of them.
    """
    teaching = np.array([why is None for why in curves.problems(1)], dtype=bool)
    architectures = len(set(curves.ids))
    for folds in range(protocol.folds, architectures + 1):
        cuts = [_cut(curves, replace(protocol, folds=folds), draw) for draw in range(protocol.draws)]
        if all(teaching[cut != one].sum() >= FEWEST_FINISHED for cut in cuts for one in range(folds)):
            return folds
    raise ConfigError(
        "too few finished runs to judge with",
        got=f"{len(curves)} runs of {architectures} architectures, {teaching.sum()} of which can be learnt from",
        expected=f"{FEWEST_FINISHED} that can be learnt from beside those of any one architecture, and at least "
        f"{protocol.folds} architectures: with a run each, {max(FEWEST_FINISHED + 1, protocol.folds)}",
        fix="finish more runs, or give an earlier horizon",
    )


def _cut(curves: Curves, protocol: Protocol, draw: int) -> np.ndarray:
    """The fold of each run, [n]; runs of one architecture are in one."""
    groups = np.array(architecture_ids(curves), dtype=int)
    order = np.random.default_rng([protocol.seed, draw]).permutation(groups.max(initial=-1) + 1)
    return (order % protocol.folds)[groups]


def judge(
    curves: Curves, models: Mapping[str, Callable[[], CurveModel]], protocol: Protocol
) -> tuple[list[Verdict], dict[str, Termination]]:
    """Judges each model, and early termination with it.

    Args:
        curves: finished runs; those not observed up to the horizon are left out.
        models: name -> makes one.
        protocol: how.

    Returns:
        A verdict a model and number of epochs, and by model what early termination did, looking after each of them.

    Raises:
        ConfigError: too few finished runs or architectures.
        DataError: the curves lack an epoch of the protocol.
    """
    curves = curves.finished(protocol.horizon)
    curves.at(protocol.observed)
    protocol = replace(protocol, folds=enough_folds(curves, protocol))
    verdicts, stops = [], {}
    for name, make in models.items():
        crossed = [cross_predict(make, curves, protocol, draw) for draw in range(protocol.draws)]
        verdicts += [_verdict(name, epoch, crossed, curves, protocol) for epoch in protocol.observed]
        stops[name] = early_termination(
            curves, crossed[0].predicted, protocol.horizon, threshold=protocol.threshold, seed=protocol.seed
        )
    return verdicts, stops


def _verdict(name: str, epoch: int, crossed: Sequence[Crossed], curves: Curves, protocol: Protocol) -> Verdict:
    final = curves.val_accuracy[:, -1]
    predictions = [c.predicted[epoch] for c in crossed]
    each = [_statistics(p, final, architecture_ids(curves), protocol) for p in predictions]
    errors = [error for error in predictions[0].errors if error is not None]
    kinds = [error.split(":")[0] for error in errors]
    return Verdict(
        model=name,
        observed=epoch,
        n=len(final) - len(errors),
        failed=len(errors),
        statistics={key: _mean([one[key] for one in each]) for key in each[0]},
        fit_seconds=float(np.mean([c.fit_seconds for c in crossed])),
        run_seconds=float(np.mean([c.run_seconds[epoch] for c in crossed])),
        errors={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    )


def _statistics(p: Predictions, final: Floats, groups: Sequence[int], protocol: Protocol) -> dict[str, Statistic]:
    keys = [*ORDERS, "rmse", "mae", *(f"coverage@{level:g}" for level in LEVELS)]
    good = np.isfinite(p.mean)
    if good.sum() < MIN_ITEMS:
        return {key: Statistic(None) for key in keys}
    ranked = rank(p.mean, final, ks=(5,), bootstrap=protocol.bootstrap, seed=protocol.seed)
    error = (p.mean - final)[good]
    columns = {"rmse": error**2, "mae": np.abs(error)}
    if np.isfinite(p.std[good]).all():
        for level in LEVELS:
            low, high = p.interval(level)
            columns[f"coverage@{level:g}"] = ((low <= final) & (final <= high))[good].astype(float)
    means = _resampled(columns, np.array(groups)[good], protocol)
    means["rmse"] = Statistic(*(v if v is None else v**0.5 for v in _three(means["rmse"])))
    found = {key: ranked[key] for key in ORDERS} | means
    return {key: found.get(key, Statistic(None)) for key in keys}


def _resampled(columns: Mapping[str, Floats], groups: np.ndarray, protocol: Protocol) -> dict[str, Statistic]:
    """Means with bootstrap intervals; whole architectures are drawn, as runs of one are alike."""
    _, codes = np.unique(groups, return_inverse=True)
    k = codes.max() + 1
    w = np.random.default_rng(protocol.seed).multinomial(k, np.full(k, 1 / k), size=protocol.bootstrap)[:, codes]
    found = {}
    for key, values in columns.items():
        draws = w @ values / w.sum(axis=1)
        ends = np.percentile(draws, [2.5, 97.5]).tolist() if protocol.bootstrap else [None, None]
        found[key] = Statistic(float(values.mean()), *ends)
    return found


def _mean(found: Sequence[Statistic]) -> Statistic:
    columns = zip(*map(_three, found), strict=True)
    return Statistic(*(None if None in column else float(np.mean(column)) for column in columns))


def _three(s: Statistic) -> tuple[float | None, float | None, float | None]:
    return s.value, s.low, s.high


def _joined(parts: Sequence[tuple[np.ndarray, Predictions]], n: int) -> Predictions:
    mean, std, samples = np.full(n, np.nan), np.full(n, np.nan), None
    errors: list[str | None] = [None] * n
    for index, found in parts:
        mean[index], std[index] = found.mean, found.std
        for i, error in zip(index, found.errors, strict=True):
            errors[i] = error
        if found.samples is not None:
            samples = np.full((n, found.samples.shape[1]), np.nan) if samples is None else samples
            samples[index] = found.samples
    return Predictions(mean, std, tuple(errors), samples)
