"""What the models share that take a curve for a draw from a normal distribution: standard units, and conditioning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ghn.families.curves.model import Predictions, by_length, check_features, unfitted
from ghn.tables.curves import Curves, Floats


class StandardUnits:
    """Times as shares of the last epoch of finished curves, accuracies and features by their mean and deviation.

    Args:
        known: the finished curves.
    """

    def __init__(self, known: Curves) -> None:
        self.features, self.last = known.features, known.epochs[-1]
        self.centre, self.scale = known.val_accuracy.mean(), known.val_accuracy.std()
        if known.features is not None:
            spread = known.features.std(axis=0)
            self._mean, self._spread = known.features.mean(axis=0), np.where(spread > 0, spread, 1.0)

    def times(self, epochs: Sequence[int]) -> Float[Tensor, " t"]:
        return torch.tensor(epochs, dtype=torch.float64) / self.last

    def inputs(self, curves: Curves) -> Float[Tensor, "n f"]:
        """Features; a single 0 where there are none."""
        if self.features is None or curves.features is None:  # `check_features` sees to it that both are
            return torch.zeros(len(curves), 1, dtype=torch.float64)
        return torch.from_numpy((curves.features - self._mean) / self._spread)

    def outputs(self, curves: Curves) -> Float[Tensor, "n t"]:
        return torch.from_numpy((curves.val_accuracy - self.centre) / self.scale)

    def back(self, mean: Float[Tensor, " n"], std: Float[Tensor, " n"]) -> tuple[Floats, Floats]:
        """Means and standard deviations as accuracies."""
        return (mean * self.scale + self.centre).numpy(), np.asarray((std * self.scale).numpy())


class Fitted(Protocol):
    """A model that has learnt."""

    units: StandardUnits

    def predict(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the value to be observed at the horizon, [n] each."""
        ...


def extrapolate(fitted: Fitted | None, observed: Curves, horizon: int, least: int, what: str) -> Predictions:
    """Asks a model of all runs, one length at a time."""
    if fitted is None:
        raise unfitted(what)
    check_features(fitted.units.features, observed)
    return by_length(observed, horizon, least, lambda curves: fitted.predict(curves, horizon))


def condition(
    mean: Float[Tensor, "n t"], covariance: Float[Tensor, "n t t"], y: Float[Tensor, "n seen"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Mean and variance of the last point of normal curves, given all the others."""
    gain = torch.linalg.solve(covariance[:, :-1, :-1], covariance[:, :-1, -1:])[..., 0]
    expected = mean[:, -1] + (gain * (y - mean[:, :-1])).sum(dim=1)
    left = covariance[:, -1, -1] - (gain * covariance[:, :-1, -1]).sum(dim=1)
    return expected, left.clamp(min=1e-9)
