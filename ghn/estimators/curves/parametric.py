"""A weighted ensemble of eleven parametric families, by least squares or by MCMC."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ghn.errors import ConfigError
from ghn.estimators.curves.data import Curves, Floats
from ghn.estimators.curves.families import FAMILIES
from ghn.estimators.curves.mcmc import Chain, sample_ensemble
from ghn.estimators.curves.model import Predictions, by_length

LEAST = 4  # points: one more than the parameters of the smaller half of the families
CHUNK = 25  # curves fitted at once, which bounds memory
FLOOR = 1e-3  # standard deviation of accuracies that no validation set of thousands of images goes below


@dataclass
class ParametricEnsemble:
    """Fits all families to each curve and weighs what they say of its end.

    `least_squares` is a quick approximation of the paper's posterior: flat priors over each family's grid, noise from
    the best fit, families weighed by the Bayesian information criterion; `std` has the spread inside and between
    families, and the noise. `mcmc` is the paper's: emcee over all parameters, weights and the noise. In both, a curve
    that ends below its beginning, or outside [0, 1], has no probability. Each curve is fitted alone.

    Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3; Schwarz, "Estimating the Dimension of a Model", 1978.

    Args:
        mode: `least_squares` or `mcmc`.
        chain: of the sampler.
    """

    mode: str = "least_squares"
    chain: Chain = field(default_factory=Chain)

    source = "Domhan, Springenberg & Hutter, Extrapolation of Learning Curves, IJCAI 2015"
    needs_finished = False

    def __post_init__(self) -> None:
        if self.mode not in ("least_squares", "mcmc"):
            raise ConfigError("unknown mode of the parametric ensemble", got=self.mode, expected="least_squares | mcmc")

    def fit(self, finished: Curves) -> None:
        """Nothing to learn: each curve is fitted alone."""

    def predict(self, observed: Curves, horizon: int) -> Predictions:
        """Extrapolates each curve; one that no family fits is a failure.

        Raises:
            ConfigError: the horizon has been passed already.
            MissingExtraError: `mcmc` without emcee.
        """
        return by_length(observed, horizon, LEAST, lambda curves: self._block(curves, float(horizon)))

    def _block(self, curves: Curves, horizon: float) -> tuple[Floats, Floats] | tuple[Floats, Floats, Floats]:
        x, y = np.array(curves.epochs, dtype=float), curves.val_accuracy
        if self.mode == "mcmc":
            samples = np.stack([sample_ensemble(x, row, horizon, self.chain) for row in y])
            return samples.mean(axis=1), samples.std(axis=1), samples
        parts = [least_squares(x, y[start : start + CHUNK], horizon) for start in range(0, len(y), CHUNK)]
        mean, std = (np.concatenate(column) for column in zip(*parts, strict=True))
        return mean, std


def least_squares(x: Floats, y: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation at the horizon, [n] each, of curves y [n, t] at epochs x [t]; NaN where none fits."""
    points, ends = len(x), np.array([x[0], horizon])
    errors, finals = [], []  # of each family, [g, n]; an error is infinite where the prior is zero
    for family in FAMILIES:
        if len(family.bounds) >= points:
            continue  # it would go through all points and tell nothing of the noise
        linear = family.fit(x, y)
        first, last = np.moveaxis(family.values(ends, linear), -1, 0)
        residual = family.values(x, linear) - y
        error = np.einsum("gnt,gnt->gn", residual, residual)
        errors.append(np.where((last >= 0) & (last <= 1) & (last > first), error, np.inf))
        finals.append(last)
    sizes = np.array([len(f.bounds) for f in FAMILIES if len(f.bounds) < points])
    smallest = np.stack([error.min(axis=0) for error in errors])  # [k, n]
    noise = np.maximum((smallest / (points - sizes)[:, None]).min(axis=0), FLOOR**2)
    failed = ~np.isfinite(noise)
    noise = np.where(failed, 1.0, noise)
    weights = np.exp(-0.5 * (smallest / noise + sizes[:, None] * np.log(points)))
    weights /= np.where(failed, 1.0, weights.sum(axis=0))
    mean, square = np.zeros(len(y)), np.zeros(len(y))
    for error, final, best, weight in zip(errors, finals, smallest, weights, strict=True):
        inside = np.exp(-0.5 * (error - np.where(np.isfinite(best), best, 0.0)) / noise)
        inside *= weight / np.maximum(inside.sum(axis=0), 1e-300)
        mean += (inside * final).sum(axis=0)
        square += (inside * final**2).sum(axis=0)
    std = np.sqrt(np.maximum(square - mean**2, 0.0) + noise)
    return np.where(failed, np.nan, mean), np.where(failed, np.nan, std)
