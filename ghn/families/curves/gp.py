"""Freeze-thaw: a Gaussian process over each curve that decays exponentially towards its asymptote."""

from __future__ import annotations

from dataclasses import dataclass

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
    source = "Swersky, Snoek & Adams, Freeze-Thaw Bayesian Optimization, 2014"
    what = "the Gaussian process"

    def fit(self, finished: Curves) -> None:
        from ghn.families.curves import gp_kernel  # needs gpytorch

        super().fit(finished)
        known, self._units = self.known, StandardUnits(self.known)
        times, y = self._units.times(known.epochs), self._units.outputs(known)
        self._curve, self._asymptotes = gp_kernel.fit_curves(times, y, self.steps, self.rate), None
        if known.features is not None:
            x, (estimate, variance) = self._units.inputs(known), self._alone(times, y)
            self._asymptotes = gp_kernel.fit_asymptotes(x, estimate, variance, self.steps, self.rate)

    @torch.no_grad()
    def _alone(
        self, times: Float[Tensor, " t"], y: Float[Tensor, "n t"]
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
        """What each curve alone says of its asymptote: generalised least squares, and its variance."""
        weights = torch.linalg.solve(self._curve.around_asymptote(times), torch.ones(len(times), dtype=y.dtype))
        return y @ weights / weights.sum(), (1 / weights.sum()).expand(len(y))

    @torch.no_grad()
    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        around = self._curve.around_asymptote(self._units.times([*curves.epochs, horizon]))
        mean, variance = (value.expand(len(curves)) for value in self._curve.prior())
        if self._asymptotes is not None:
            mean, variance = self._asymptotes(self._units.inputs(curves))
        joint = around + variance[:, None, None]  # [n, t + 1, t + 1]
        expected, left = condition(mean[:, None].expand(-1, joint.shape[1]), joint, self._units.outputs(curves))
        return self._units.back(expected, left.sqrt())
