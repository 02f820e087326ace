"""Uncertainty that is as large as the errors are: calibrated on references that the model has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from jaxtyping import Float
from scipy.stats import t

from ghn.errors import DataError
from ghn.families.surrogates.regressor import Regressor, Rows
from ghn.types import Score

LEVELS = (0.5, 0.8, 0.95)
FLOOR = 0.05  # least standard deviation, in those of the references: members of an ensemble may agree by chance


@dataclass(frozen=True)
class Calibration:
    """How large errors on held-out references were, in standard deviations that the model gave.

    Source: Levi et al., "Evaluating and Calibrating Uncertainty Prediction in Regression Tasks", 2019, sec. 4.3 (one
    factor for all standard deviations); Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018,
    sec. 5.2 (intervals from quantiles of scaled residuals), here of a cross-validation: Barber et al., "Predictive
    Inference with the Jackknife+", Annals of Statistics 2021, sec. 3.

    Attributes:
        errors: error over standard deviation of each reference [n].
    """

    errors: Float[np.ndarray, " n"]

    @property
    def scale(self) -> float:
        """The factor that makes standard deviations right on average."""
        return float(np.sqrt(np.mean(self.errors**2)))

    def reach(self, level: float) -> float:
        """Half the width of the interval that holds a share of all values, in standard deviations of the model.

        Few references cannot tell a high level: then Student's distribution does, if it is wider than all errors.
        """
        sizes = np.sort(np.abs(self.errors))
        place = ceil((len(sizes) + 1) * level)
        if place <= len(sizes):
            return float(sizes[place - 1])
        return max(float(sizes[-1]), self.scale * float(t.ppf((1 + level) / 2, len(sizes))))


def calibrate(make: Callable[[], Regressor], x: Rows, y: np.ndarray, *, folds: int = 5, seed: int = 0) -> Calibration:
    """Fits models on parts of the references and looks at their errors on the rest.

    Args:
        make: of an unfitted model.
        x: references.
        y: their targets [n].
        folds: parts of the cross-validation; as many as references at most.
        seed: of the parts.
    """
    from sklearn.model_selection import KFold

    errors = np.zeros(len(x))
    for known, held in KFold(min(folds, len(x)), shuffle=True, random_state=seed).split(y):
        model = make()
        model.fit(x.take(known), y[known])
        mean, std = model.predict(x.take(held))
        errors[held] = (y[held] - mean) / np.maximum(std, FLOOR)
    return Calibration(errors)


def coverage(scores: Sequence[Score], values: Sequence[float]) -> Mapping[float, float]:
    """The share of values that lie in the intervals of their scores (`extra["intervals"]`), for each level.

    Args:
        scores: of a surrogate; failed ones are left out.
        values: what was really measured [n].

    Raises:
        DataError: no score has intervals, or the numbers differ.
    """
    if len(scores) != len(values):
        raise DataError("coverage needs a value for each score", got=f"{len(values)} values, {len(scores)} scores")
    pairs = [(s.extra["intervals"], v) for s, v in zip(scores, values, strict=True) if "intervals" in s.extra]
    if not pairs:
        raise DataError("no score has intervals", fix="use scores of a surrogate")
    return {
        level: float(np.mean([held[key][0] <= v <= held[key][1] for held, v in pairs]))
        for level, key in ((level, interval_key(level)) for level in LEVELS)
    }


def interval_key(level: float) -> str:
    """The name of an interval in `extra["intervals"]`, such as `95%`."""
    return f"{level:.0%}"
