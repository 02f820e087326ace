"""How much it is worth to train a candidate, from what is expected of it and how sure that is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import norm

from ghn.analysis.weighted import Floats

SURE = 1e-9  # standard deviation of what is certain: nothing is divided by zero
BOLD = 1.0  # standard deviations that `upper_bound` adds

Acquisition = Callable[[Floats, Floats, float, np.random.Generator], Floats]


def expected_improvement(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """By how much a candidate is expected to exceed the best, [n]; worse ones count as none.

    Source: Jones, Schonlau & Welch, "Efficient Global Optimization of Expensive Black-Box Functions", 1998, eq. 15.
    """
    std = np.maximum(std, SURE)
    z = (mean - best) / std
    found: Floats = std * (z * norm.cdf(z) + norm.pdf(z))
    return found


def upper_bound(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """What a candidate may reach, [n]: its mean and a standard deviation.

    Source: Srinivas et al., "Gaussian Process Optimization in the Bandit Setting", ICML 2010, eq. 6, of fixed beta.
    """
    return mean + BOLD * std


def thompson(mean: Floats, std: Floats, best: float, rng: np.random.Generator) -> Floats:
    """A draw of what each candidate reaches, [n]; each is drawn for itself, as no estimator here knows covariances.

    Source: Thompson, "On the Likelihood that One Unknown Probability Exceeds Another", 1933; independent draws as in
    White et al., "BANANAS", AAAI 2021, sec. 3 (ITS).
    """
    return rng.normal(mean, np.maximum(std, SURE))


ACQUISITIONS: dict[str, Acquisition] = {
    "expected_improvement": expected_improvement,
    "upper_bound": upper_bound,
    "thompson": thompson,
}
