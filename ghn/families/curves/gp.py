"""Freeze-thaw: a Gaussian process over each curve that decays exponentially towards its asymptote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.families.curves.model import Extrapolator, StandardUnits, condition
from ghn.tables.curves import Curves, Floats


@dataclass
class FreezeThaw(Extrapolator):
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
    _fitted: _Fitted = field(init=False, repr=False, compare=False)

    source = "Swersky, Snoek & Adams, Freeze-Thaw Bayesian Optimization, 2014"
    what = "the Gaussian process"

    def fit(self, finished: Curves) -> None:
        super().fit(finished)
        self._fitted = _Fitted(self.known, self.steps, self.rate)

    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        return self._fitted.predict(curves, horizon)


class _Fitted:
    """The process after `fit`."""

    def __init__(self, known: Curves, steps: int, rate: float) -> None:
        from ghn.families.curves import gp_kernel  # needs gpytorch

        self.units = StandardUnits(known)
        y = self.units.outputs(known)
        self.curve = gp_kernel.fit_curves(self.units.times(known.epochs), y, steps, rate)
        self.asymptotes = None
        if known.features is not None:
            estimate, variance = self._asymptotes(known.epochs, y)
            self.asymptotes = gp_kernel.fit_asymptotes(self.units.inputs(known), estimate, variance, steps, rate)

    @torch.no_grad()
    def _asymptotes(
        self, epochs: Sequence[int], y: Float[Tensor, "n t"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """What each curve alone says of its asymptote: generalised least squares, and its variance."""
        around = self.curve.around_asymptote(self.units.times(epochs))
        weights = torch.linalg.solve(around, torch.ones(len(epochs), dtype=y.dtype))
        return y @ weights / weights.sum(), (1 / weights.sum()).expand(len(y))

    @torch.no_grad()
    def predict(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        around = self.curve.around_asymptote(self.units.times([*curves.epochs, horizon]))
        mean, variance = (value.expand(len(curves)) for value in self.curve.prior())
        if self.asymptotes is not None:
            mean, variance = self.asymptotes(self.units.inputs(curves))
        joint = around + variance[:, None, None]  # [n, t + 1, t + 1]
        expected, left = condition(mean[:, None].expand(-1, joint.shape[1]), joint, self.units.outputs(curves))
        return self.units.back(expected, left.sqrt())
