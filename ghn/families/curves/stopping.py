"""Early termination: a run is stopped when it will hardly beat the best finished one, and how often that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from ghn.errors import ConfigError, DataError
from ghn.families.curves.model import CurveModel, Predictions
from ghn.tables.curves import Curves


@dataclass(frozen=True)
class Termination:
    """What early termination did, as means over the orders in which the runs could have come."""

    runs: int  # walked in each order
    stopped: float  # share of the runs that were stopped
    wrong: float | None  # share of the stopped that would have ended above the best finished one; None: none was
    best_lost: float  # share of the orders in which the best run of all was stopped
    saved: float  # share of all epochs that were not trained
    regret: float  # final accuracy of the best run of all minus that of the best finished one


def hopeless(predicted: Predictions, best: float, threshold: float = 0.05) -> NDArray[np.bool_]:
    """Which runs to stop, [n]: likely to end below `best`; one that could not be extrapolated goes on.

    Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3 (there with a threshold of 0.05).
    """
    return predicted.probability_above(best) < threshold  # false for NaN


def predict_at(model: CurveModel, curves: Curves, epochs: Sequence[int], horizon: int) -> dict[int, Predictions]:
    """What a model says of each run after each of some epochs, for `early_termination`."""
    return {epoch: model.predict(curves.until(epoch), horizon) for epoch in epochs}


def early_termination(
    curves: Curves,
    predicted: Mapping[int, Predictions],
    horizon: int,
    *,
    threshold: float = 0.05,
    orders: int = 100,
    seed: int = 0,
) -> Termination:
    """Walks finished runs one after the other in random orders, as if they had been trained so.

    The first run is always finished. Every other one is looked at after each epoch of `predicted` and stopped there if
    it is `hopeless` against the best finished so far.

    Args:
        curves: runs observed up to the horizon.
        predicted: by epoch, for the same runs. Models that learn must not have learnt from them.
        horizon: the last epoch.
        threshold: probability below which a run is stopped.
        orders: how many orders are walked.
        seed: of the orders.

    Raises:
        ConfigError: threshold or orders out of range, or nothing predicted before the horizon.
        DataError: a run is not finished.
    """
    if not 0 < threshold < 1 or orders < 1:
        raise ConfigError("threshold and orders", got=(threshold, orders), expected="0 < threshold < 1, orders >= 1")
    if not predicted or max(predicted) >= horizon:
        raise ConfigError("epochs at which runs are looked at", got=sorted(predicted), expected=f"before {horizon}")
    final = curves.at([horizon]).val_accuracy[:, 0]
    if not np.isfinite(final).all():
        raise DataError("a run is not finished", got=curves.ids[int(np.isfinite(final).argmin())])
    rng = np.random.default_rng(seed)
    walks = [_walk(final, predicted, horizon, threshold, rng.permutation(len(final))) for _ in range(orders)]
    stopped = sum(walk[0] for walk in walks)
    return Termination(
        runs=len(final),
        stopped=stopped / orders / len(final),
        wrong=sum(walk[1] for walk in walks) / stopped if stopped else None,
        best_lost=fmean(walk[2] for walk in walks),
        saved=fmean(walk[3] for walk in walks) / (len(final) * horizon),
        regret=fmean(walk[4] for walk in walks),
    )


def _walk(
    final: NDArray[np.float64],
    predicted: Mapping[int, Predictions],
    horizon: int,
    threshold: float,
    order: NDArray[np.int64],
) -> tuple[int, int, bool, int, float]:
    """Runs stopped, wrongly so, whether the best was, epochs saved, and regret."""
    best, stopped, wrong, lost, saved = final[order[0]], 0, 0, False, 0
    stops = _stops(predicted, best, threshold, horizon)
    for run in order[1:]:
        if stops[run] < horizon:
            stopped, wrong, saved = stopped + 1, wrong + int(final[run] > best), saved + horizon - int(stops[run])
            lost = lost or bool(final[run] == final.max())
        elif final[run] > best:
            best = final[run]
            stops = _stops(predicted, best, threshold, horizon)
    return stopped, wrong, lost, saved, float(final.max() - best)


def _stops(predicted: Mapping[int, Predictions], best: float, threshold: float, horizon: int) -> NDArray[np.int64]:
    """The epoch after which each run would be stopped, [n]; the horizon where it would not."""
    found = np.full(len(next(iter(predicted.values())).mean), horizon)
    for epoch in sorted(predicted, reverse=True):
        found[hopeless(predicted[epoch], best, threshold)] = epoch
    return found
