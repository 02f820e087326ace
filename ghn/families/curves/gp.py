"""Freeze-thaw: a Gaussian process over each curve that decays exponentially towards its asymptote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ghn.families.curves.model import Predictions, Standard, by_length, check_features, learnable, unfitted
from ghn.tables.curves import Curves, Floats


@dataclass
class FreezeThaw:
    """A curve is its asymptote plus a process with the exponential-decay kernel, plus noise.

    The asymptotes have a prior: a Gaussian process over the configuration features where there are some, otherwise a
    common mean and variance. Hyperparameters maximise the marginal likelihood of the finished curves. A run is
    conditioned on its own observed points alone, so that company does not matter. Times are shares of the last epoch of
    the finished curves, accuracies are standardised.

    Source: Swersky, Snoek & Adams, "Freeze-Thaw Bayesian Optimization", arXiv 1406.3896, 2014, sec. 3 (kernel and
    hierarchical model of training curves).

    Args:
        steps: of Adam on the marginal likelihood.
        rate: its learning rate.
    """

    steps: int = 150
    rate: float = 0.1
    _fitted: _Fitted | None = field(default=None, init=False, repr=False)

    source = "Swersky, Snoek & Adams, Freeze-Thaw Bayesian Optimization, 2014"
    needs_finished = True
    least_epochs = 1

    def fit(self, finished: Curves) -> None:
        """Fits hyperparameters, and the prior of the asymptotes.

        Raises:
            DataError: too few finished curves.
            MissingExtraError: gpytorch is not installed.
        """
        self._fitted = _Fitted(learnable(finished), self.steps, self.rate)

    def predict(self, observed: Curves, horizon: int) -> Predictions:
        """Conditions each run on its own points."""
        if self._fitted is None:
            raise unfitted("the Gaussian process")
        check_features(self._fitted.features, observed)
        fitted = self._fitted
        return by_length(observed, horizon, self.least_epochs, lambda curves: fitted.predict(curves, horizon))


class _Fitted:
    """The process after `fit`."""

    def __init__(self, known: Curves, steps: int, rate: float) -> None:
        from ghn.families.curves import gp_kernel  # needs gpytorch

        self.features = known.features
        self.last, self.centre, self.scale = known.epochs[-1], known.val_accuracy.mean(), known.val_accuracy.std()
        y = torch.from_numpy((known.val_accuracy - self.centre) / self.scale)
        self.curve = gp_kernel.fit_curves(self._times(known.epochs), y, steps, rate)
        self.asymptotes = None
        if known.features is not None:
            self.usual = Standard.of(known.features)
            estimate, variance = self._asymptotes(known.epochs, y)
            self.asymptotes = gp_kernel.fit_asymptotes(self._inputs(known), estimate, variance, steps, rate)

    def _times(self, epochs: Any) -> Float[Tensor, " t"]:
        return torch.tensor(epochs, dtype=torch.float64) / self.last

    def _inputs(self, curves: Curves) -> Float[Tensor, "n f"]:
        return torch.from_numpy(self.usual(curves.features))

    @torch.no_grad()
    def _asymptotes(self, epochs: Any, y: Float[Tensor, "n t"]) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """What each curve alone says of its asymptote: generalised least squares, and its variance."""
        around = self.curve.around_asymptote(self._times(epochs))
        weights = torch.linalg.solve(around, torch.ones(len(epochs), dtype=y.dtype))
        return y @ weights / weights.sum(), (1 / weights.sum()).expand(len(y))

    @torch.no_grad()
    def predict(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        """Mean and standard deviation of the value to be observed at the horizon, [n] each."""
        times = self._times([*curves.epochs, horizon])
        around = self.curve.around_asymptote(times)
        mean, variance = self.curve.prior()
        mean, variance = mean.expand(len(curves)), variance.expand(len(curves))
        if self.asymptotes is not None:
            mean, variance = self.asymptotes(self._inputs(curves))
        joint = around + variance[:, None, None]  # [n, t + 1, t + 1]
        y = torch.from_numpy((curves.val_accuracy - self.centre) / self.scale)
        gain = torch.linalg.solve(joint[:, :-1, :-1], joint[:, :-1, -1:])[..., 0]
        expected = mean + (gain * (y - mean[:, None])).sum(dim=1)
        left = joint[:, -1, -1] - (gain * joint[:, :-1, -1]).sum(dim=1)
        std = left.clamp(min=1e-9).sqrt()
        return (expected * self.scale + self.centre).numpy(), np.asarray((std * self.scale).numpy())
