"""The honest baselines: the last accuracy, and the sum of training losses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import linregress

from ghn.errors import DataError
from ghn.families.curves.model import Extrapolator, check_losses, learnable
from ghn.tables.curves import Curves, Floats


@dataclass
class LastValue(Extrapolator):
    """The last accuracy observed.

    With finished curves the mean is shifted by what they gained from there to the end, and `std` is the spread of that
    gain. Without them it is a random walk: a step's standard deviation times the root of the steps left; unknown after
    a single epoch.

    Source: the naive method, Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., sec. 5.2, 5.5.
    """

    source = "last value: Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 2021, sec. 5.2"
    needs_finished = False

    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        values = curves.val_accuracy
        if self._finished is None:
            if len(curves.epochs) < 2:
                return values[:, -1], np.full(len(values), np.nan)
            step = np.sqrt((np.diff(values) ** 2).mean(axis=1) / np.diff(curves.epochs).mean())
            return values[:, -1], step * np.sqrt(horizon - curves.epochs[-1])
        known = self._finished.at([curves.epochs[-1], horizon]).val_accuracy
        gain = known[:, 1] - known[:, 0]
        return values[:, -1] + gain.mean(), np.full(len(values), gain.std(ddof=1))


@dataclass
class SumOfLosses(Extrapolator):
    """Minus the sum of the training losses so far: who learns fast ends well.

    With finished curves a straight line maps it to accuracy, and `std` is that of its residuals. Without them it gives
    an order only, and `std` is unknown.

    Source: Ru et al., "Speedy Performance Estimation for Neural Architecture Search", NeurIPS 2021 (TSE).
    """

    source = "sum of training losses: Ru et al., Speedy Performance Estimation for NAS, NeurIPS 2021"
    needs_finished = False

    def fit(self, finished: Curves) -> None:
        check_losses(finished := learnable(finished), "the sum of losses")
        super().fit(finished)

    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        if curves.train_loss is None:
            raise DataError("the sum of training losses needs them", got="curves without train_loss")
        speed = -curves.train_loss.sum(axis=1)
        if self._finished is None:
            return speed, np.full(len(curves), np.nan)
        known = self._finished.at([*curves.epochs, horizon])
        assert known.train_loss is not None  # as `fit` saw to
        x, y = -known.train_loss[:, :-1].sum(axis=1), known.val_accuracy[:, -1]
        line = linregress(x, y)
        residual = y - line.intercept - line.slope * x
        return line.intercept + line.slope * speed, np.full(len(speed), residual.std(ddof=2))
