"""Ridge regression that knows how wrong it is: from errors on rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from ghn.display import brief

PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)  # of inputs in standard units
TAIL = 5.0  # degrees of freedom: what is linear only nearly errs more in the tails (docs/ranking.md, "Racing")
LEAST = 1e-9  # standard deviation of a prediction that never erred


@brief
@dataclass(frozen=True)
class Ridge:
    """A linear regression with a penalty on its slopes.

    Attributes:
        centre: means of the inputs [f].
        level: mean of the targets.
        slopes: [f].
        inverse: of the penalised covariance of the inputs [f, f].
        spread: root mean square of the errors, each of a row that the regression had not seen.
    """

    centre: Float[np.ndarray, " f"]
    level: float
    slopes: Float[np.ndarray, " f"]
    inverse: Float[np.ndarray, "f f"]
    spread: float

    def predict(self, x: Float[np.ndarray, "n f"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
        """Means and standard deviations [n]; these grow with the distance from what was learnt."""
        centred = x - self.centre
        away = ((centred @ self.inverse) * centred).sum(1)
        return self.level + centred @ self.slopes, np.maximum(self.spread * np.sqrt(1 + away), LEAST)


def fit_ridge(x: Float[np.ndarray, "n f"], y: Float[np.ndarray, " n"], penalties: Sequence[float] = PENALTIES) -> Ridge:
    """The regression with the penalty that errs least where each row is left out once.

    Source: errors left out one by one in closed form: Allen, "The Relationship between Variable Selection and Data
    Augmentation and a Method for Prediction", Technometrics 1974 (PRESS).
    """
    centre, level = x.mean(0), float(y.mean())
    centred, missed = x - centre, y - level
    values, vectors = np.linalg.eigh(centred.T @ centred)
    values, turned = np.clip(values, 0.0, None), centred @ vectors
    projected = turned.T @ missed
    best: tuple[float, float] | None = None
    for penalty in penalties:
        inside = (turned**2 / (values + penalty)).sum(1) + 1 / len(y)
        errors = (missed - turned @ (projected / (values + penalty))) / np.maximum(1 - inside, LEAST)
        if best is None or (errors**2).mean() < best[0]:
            best = float((errors**2).mean()), penalty
    assert best is not None
    variance, penalty = best
    shrunk = vectors / (values + penalty)
    return Ridge(centre, level, shrunk @ projected, shrunk @ vectors.T, variance**0.5)


def chance_above(
    threshold: float, mean: Float[np.ndarray, " n"], std: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Probabilities [n] that what is predicted lies above a threshold: Student's distribution, for its wider tails."""
    found: Float[np.ndarray, " n"] = student.sf((threshold - mean) / std, TAIL)
    return found
