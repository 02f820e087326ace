"""Normal scores: where readings stand among those usual in a space, which makes different readings comparable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from ghn.errors import ConfigError

POINTS = 65  # quantiles kept of a reading
LEAST = 20  # networks from which a population can be made


class Population:
    """Quantiles of each reading over many networks of a space; no trained accuracy is in it.

    Args:
        quantiles: reading -> its quantiles at equal steps from 0 to 1, rising.

    Raises:
        ConfigError: quantiles that are not rising numbers.
    """

    def __init__(self, quantiles: Mapping[str, Sequence[float]]) -> None:
        self.quantiles = {name: np.asarray(q, dtype=float) for name, q in quantiles.items()}
        for name, q in self.quantiles.items():
            if q.ndim != 1 or len(q) < 2 or not np.isfinite(q).all() or (np.diff(q) < 0).any():
                raise ConfigError(f"the quantiles of {name} are not rising numbers", got=q.tolist()[:5])

    @classmethod
    def of(cls, readings: Mapping[str, np.ndarray]) -> Population:
        """Takes the quantiles of readings [n] over networks; missing values (NaN) are left out.

        Raises:
            ConfigError: fewer than 20 networks have a reading.
        """
        found = {name: v[np.isfinite(v)] for name, v in readings.items()}
        if few := {name: len(v) for name, v in found.items() if len(v) < LEAST}:
            raise ConfigError(
                "too few networks to tell what is usual in this space",
                got=few,
                expected=f"at least {LEAST} networks with every reading",
                fix="give more architectures, or use a checkpoint whose card holds a population",
            )
        steps = np.linspace(0, 1, POINTS)
        return cls({name: np.quantile(v, steps) for name, v in found.items()})

    def normal_scores(self, name: str, values: np.ndarray) -> np.ndarray:
        """Where values [n] stand in the population, as quantiles of the standard normal distribution.

        Values beyond the population get the score of its most extreme one in 500.
        """
        q = self.quantiles[name]
        steps = np.linspace(0, 1, len(q))
        low = np.interp(values, *_once(q, steps, np.minimum))
        high = np.interp(values, *_once(q, steps, np.maximum))
        return norm.ppf(np.clip((low + high) / 2, 1e-3, 1 - 1e-3))

    def describe(self) -> dict[str, Any]:
        """JSON-able; `Population(described)` makes an equal one."""
        return {name: q.tolist() for name, q in self.quantiles.items()}


def _once(q: np.ndarray, steps: np.ndarray, choose: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    """Each quantile once: ties stand at their first and last step, of which `normal_scores` takes the middle."""
    values, where = np.unique(q, return_inverse=True)
    out = np.full(len(values), np.inf if choose is np.minimum else -np.inf)
    choose.at(out, where, steps)
    return values, out
