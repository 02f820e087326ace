"""What a surrogate learns: one value for each function, as it is or as a normal score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

import numpy as np
from scipy.stats import norm, rankdata

from ghn.errors import ConfigError, DataError
from ghn.families.surrogates.regressor import Vector
from ghn.types import Score, Space, Trial, member_of

History = Sequence[tuple[Trial[Any], Score]]


def merge(space: Space[Any], history: History, tolerance: float) -> tuple[list[Any], np.ndarray]:
    """One architecture for each function (`space.canonical`), and the mean of its values [n].

    Args:
        space: of the architectures.
        history: references that did not fail.
        tolerance: how far values of one function may lie apart, in standard deviations of all values.

    Raises:
        ConfigError: references of several budgets.
        DataError: values of one function lie further apart.
        ArchitectureError: a reference is not a member of the space.
    """
    if len(budgets := {trial.budget for trial, _ in history}) > 1:
        raise ConfigError(
            "references of several budgets cannot be learnt from together",
            got=sorted(budgets, key=str),
            fix="give those of one budget, such as the greatest",
        )
    archs: dict[Hashable, Any] = {}
    readings: dict[Hashable, list[float]] = defaultdict(list)
    for trial, score in history:
        arch = member_of(space, trial.arch)
        key = space.canonical(arch)
        archs.setdefault(key, arch)
        readings[key].append(score.value)
    most = tolerance * float(np.std([score.value for _, score in history])) if history else 0.0
    if apart := {k: r for k, r in readings.items() if max(r) - min(r) > most}:
        worst = max(apart, key=lambda k: max(apart[k]) - min(apart[k]))
        raise DataError(
            f"{len(apart)} functions have references that disagree, such as {space.format(archs[worst])}",
            got=apart[worst],
            expected=f"values at most {most:.4g} apart (tolerance {tolerance} of their standard deviation)",
            fix="leave the wrong ones out, or raise `tolerance`",
        )
    return list(archs.values()), np.array([np.mean(readings[key]) for key in archs])


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
        inside = np.interp(targets, self._scores, self._values)
        below, above = np.minimum(targets - self._scores[0], 0), np.maximum(targets - self._scores[-1], 0)
        return inside + self._low * below + self._high * above

    def _slope(self, a: int, b: int) -> float:
        if len(self._scores) < 2:
            return 0.0
        return float((self._values[b] - self._values[a]) / (self._scores[b] - self._scores[a]))


TARGETS: dict[str, type[Standardised] | type[NormalScores]] = {"rank": NormalScores, "value": Standardised}


def make_target(name: str, values: Vector) -> Target:
    """Makes the scale for the values of references."""
    if name not in TARGETS:
        raise ConfigError("unknown target of a surrogate", got=name, expected=" | ".join(TARGETS))
    return TARGETS[name](values)
