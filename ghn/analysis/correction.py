"""What a few trained references correct in a sum of readings: a Gaussian process on what the sum misses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

FEWEST = 5  # references below which their order says nothing
LEAST_NOISE = 0.05  # variance of a training that even a sum which fits its references perfectly has


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the regression on references; chosen on the development sample (docs/ranking.md), not fitted again.

    Attributes:
        spread: standard deviation of the weighted mean of normal scores.
        slope: what the sum of readings tells of the truth, both in normal scores.
        amplitude: variance of what it does not tell and networks alike share.
        offset: variance of an error common to all.
        noise: variance of a single training, with few references and with many. The first is larger than a training's:
            with that the sum is trusted, and the order was not worse than without references in any of 20 draws.
        reach: length scale, in units of the root of the number of features, with few references and with many.
        few: references up to which the first of the two holds.
        many: references from which on the second holds; between them the logarithm of the number decides.
    """

    spread: float = 0.9
    slope: float = 0.93
    amplitude: float = 0.15
    offset: float = 0.03
    noise: tuple[float, float] = (0.1, 0.02)
    reach: tuple[float, float] = (0.4, 0.7)
    few: int = 20
    many: int = 100

    def process(self, references: int, features: int) -> GaussianProcessRegressor:
        """The process for so many references and features; its hyperparameters are not fitted."""
        from sklearn.gaussian_process import GaussianProcessRegressor  # slow to load: only where it is used
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        step = log(max(1, references) / self.few) / log(self.many / self.few)
        noise, reach = (a + (b - a) * min(1.0, max(0.0, step)) for a, b in (self.noise, self.reach))
        kernel = ConstantKernel(self.amplitude) * RBF(reach * features**0.5) + ConstantKernel(self.offset)
        return GaussianProcessRegressor(kernel + WhiteKernel(noise), optimizer=None)

    def told(self, sums: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> Settings:
        """The same for any sum: references tell its slope, and what it leaves unexplained is noise at first.

        With many references less of that counts as noise, as it may be learnt. Chosen on the development sample over 40
        sets of zero-cost proxies and generated weights (docs/log.md, 2026-11-25).

        Args:
            sums: of the references; their scale does not matter.
            targets: what they should be, in normal scores.
        """
        variance = float(np.var(sums))
        slope = float(np.cov(sums, targets, bias=True)[0, 1]) / variance if variance else 0.0
        left = max(LEAST_NOISE, 1 - slope**2 * variance) if slope > 0 else 1.0
        return replace(self, slope=max(0.0, slope), noise=(left, 0.3 * left), reach=(1.0, 0.7))


def correct(
    known: Float[np.ndarray, "r f"],
    sums: Float[np.ndarray, " r"],
    values: Float[np.ndarray, " r"],
    new: Float[np.ndarray, "n f"],
    new_sums: Float[np.ndarray, " n"],
    settings: Settings,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Means and standard deviations of candidates, in normal scores of the references.

    Source: Gaussian process with a prior mean: Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006,
    eq. 2.38.

    Args:
        known: features of the references.
        sums: of their readings: what is believed without the process.
        values: that were measured.
        new: features of the candidates.
        new_sums: of their readings.
        settings: of the process.
    """
    missed = normal_ranks(values) - settings.slope * sums
    mean, std = settings.process(*known.shape).fit(known, missed).predict(new, return_std=True)
    return settings.slope * new_sums + mean, std


def normal_ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Normal scores of values among themselves (Blom's ranks)."""
    return norm.ppf((rankdata(values) - 0.375) / (len(values) + 0.25))
