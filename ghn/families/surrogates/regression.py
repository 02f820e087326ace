"""The regression inside a surrogate: what it sees of architectures, what it learns, and how far it is believed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float
from scipy.stats import norm, rankdata, t

from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.graph.ir import Graph
from ghn.types import Score, Space, Trial, member_of

Vector = Float[np.ndarray, " n"]
History = Sequence[tuple[Trial[Any], Score]]
LEVELS = (0.5, 0.8, 0.95)  # of intervals
FLOOR = 0.05  # least standard deviation, in those of the references: members of an ensemble may agree by chance


@dataclass(frozen=True)
class Rows:
    """Architectures as a model sees them: features [n, f], and the live graphs where the model reads them."""

    matrix: Float[np.ndarray, "n f"]
    graphs: Sequence[Graph] = ()

    def __len__(self) -> int:
        return len(self.matrix)

    def take(self, index: np.ndarray) -> Rows:
        return Rows(self.matrix[index], [self.graphs[i] for i in index] if self.graphs else ())


class Prediction(NamedTuple):
    """Means and standard deviations [n], in the unit of the targets."""

    mean: Vector
    std: Vector


class Regressor(Protocol):
    """A model of a surrogate. `reads_graphs` says whether `Rows.graphs` must be there."""

    reads_graphs: bool

    def fit(self, x: Rows, y: Vector) -> None:
        """Learns; targets have about mean 0 and variance 1."""
        ...

    def predict(self, x: Rows) -> Prediction:
        """Means and standard deviations."""
        ...


def merge(space: Space[Any], history: History, tolerance: float) -> tuple[list[Any], np.ndarray]:
    """One architecture for each function (`space.canonical`), and the mean of its values [n].

    Raises:
        ConfigError: references of several budgets.
        DataError: values of one function lie more than `tolerance` standard deviations of all values apart.
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

    def back(self, targets: np.ndarray) -> np.ndarray: ...


class Standardised:
    """Values of references in standard units."""

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


TARGETS: dict[str, Callable[[Vector], Target]] = {"rank": NormalScores, "value": Standardised}


@brief
@dataclass(frozen=True)
class Calibration:
    """Errors on held-out references [n], in standard deviations that the model gave.

    Source: Levi et al., "Evaluating and Calibrating Uncertainty Prediction in Regression Tasks", 2019, sec. 4.3 (one
    factor for all standard deviations); Lei et al., "Distribution-Free Predictive Inference for Regression", JASA 2018,
    sec. 5.2 (intervals from quantiles of scaled residuals), here of a cross-validation: Barber et al., "Predictive
    Inference with the Jackknife+", Annals of Statistics 2021, sec. 3.
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
    """Fits models on parts of the references (`folds`, as many as references at most), and takes errors on the rest."""
    from sklearn.model_selection import KFold

    errors = np.zeros(len(x))
    for known, held in KFold(min(folds, len(x)), shuffle=True, random_state=seed).split(y):
        model = make()
        model.fit(x.take(known), y[known])
        mean, std = model.predict(x.take(held))
        errors[held] = (y[held] - mean) / np.maximum(std, FLOOR)
    return Calibration(errors)


def coverage(scores: Sequence[Score], values: Sequence[float]) -> Mapping[float, float]:
    """The share of values [n] that lie in the intervals of a surrogate's scores, failed ones left out, for each level.

    Raises:
        DataError: no score has intervals, or the numbers differ.
    """
    if len(scores) != len(values):
        raise DataError("coverage needs a value for each score", got=f"{len(values)} values, {len(scores)} scores")
    pairs = [(s.extra["intervals"], v) for s, v in zip(scores, values, strict=True) if "intervals" in s.extra]
    if not pairs:
        raise DataError("no score has intervals", fix="use scores of a surrogate")
    ends = {level: [(*held[interval_key(level)], v) for held, v in pairs] for level in LEVELS}
    return {level: float(np.mean([low <= v <= high for low, high, v in rows])) for level, rows in ends.items()}


def interval_key(level: float) -> str:
    """The name of an interval in `extra["intervals"]`, such as `95%`."""
    return f"{level:.0%}"
