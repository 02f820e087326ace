"""The scale on which a surrogate learns: values as they are, or their normal scores."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata

from ghn.errors import ConfigError

Vector = Float[np.ndarray, " n"]


class Target(Protocol):
    """A rising map from values of references to targets of mean 0 and variance 1, and back."""

    targets: Vector

    def back(self, targets: np.ndarray) -> np.ndarray:
        """Values at some targets."""
        ...


class Standardised:
    """Values in standard units.

    Args:
        values: of the references [n].
    """

    def __init__(self, values: Vector) -> None:
        self._mean, self._std = values.mean(), values.std() or 1.0
        self.targets = (values - self._mean) / self._std

    def back(self, targets: np.ndarray) -> np.ndarray:
        """Values at some targets."""
        return self._mean + self._std * targets


class NormalScores:
    """Normal scores of values: what matters is the order, and a few very bad networks do not drown the rest.

    Between two references the way back is linear; beyond the last ones it goes on as it does over their last quarter.

    Source: Blom, "Statistical Estimates and Transformed Beta-Variables", 1958 (the ranks); as a surrogate's target:
    Salinas, Shen & Perrone, "A Quantile-based Approach for Hyperparameter Transfer Learning", ICML 2020, sec. 4.1.

    Args:
        values: of the references [n].
    """

    def __init__(self, values: Vector) -> None:
        self.targets = norm.ppf((rankdata(values) - 0.375) / (len(values) + 0.25))
        self._values, first = np.unique(values, return_index=True)
        self._scores = self.targets[first]
        quarter = max(1, len(self._scores) // 4)
        self._low, self._high = self._slope(0, quarter), self._slope(-1 - quarter, -1)

    def back(self, targets: np.ndarray) -> np.ndarray:
        """Values at some targets."""
        inside = np.interp(targets, self._scores, self._values)
        below, above = np.minimum(targets - self._scores[0], 0), np.maximum(targets - self._scores[-1], 0)
        return inside + self._low * below + self._high * above

    def _slope(self, a: int, b: int) -> float:
        if len(self._scores) < 2:
            return 0.0
        return float((self._values[b] - self._values[a]) / (self._scores[b] - self._scores[a]))


TARGETS: dict[str, type[Standardised] | type[NormalScores]] = {"rank": NormalScores, "value": Standardised}


def make_target(name: str, values: Vector) -> Target:
    """Makes the scale for the values of references.

    Raises:
        ConfigError: unknown name.
    """
    if name not in TARGETS:
        raise ConfigError("unknown target of a surrogate", got=name, expected=" | ".join(TARGETS))
    return TARGETS[name](values)
