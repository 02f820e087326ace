"""What a model of learning curves is, and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy.stats import norm

from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.tables.curves import Curves, Floats

FEWEST_FINISHED = 10  # finished curves from which something can be learned


@dataclass(frozen=True)
class Predictions:
    """Accuracies expected after the last epoch.

    Attributes:
        mean: [n], fractions; NaN where a run could not be extrapolated.
        std: [n], standard deviation of the value to be observed; NaN where unknown.
        errors: [n], why there is no value; None where there is one.
        samples: [n, s] from the predictive distribution, where a model has them; otherwise it is taken as normal.
    """

    mean: Floats
    std: Floats
    errors: tuple[str | None, ...]
    samples: Floats | None = None

    def probability_above(self, best: float) -> Floats:
        """Probability that each run ends above `best`, [n]; NaN where unknown.

        Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3 (probability of exceeding the best value).
        """
        if self.samples is not None:
            return np.where(np.isfinite(self.mean), (self.samples > best).mean(axis=1), np.nan)
        return norm.sf(best, self.mean, np.maximum(self.std, 1e-12))

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Lower and upper end of the central interval that holds the value with probability `level`, [n] each."""
        tails = (0.5 - level / 2, 0.5 + level / 2)
        if self.samples is not None:
            low, high = np.quantile(self.samples, tails, axis=1)
            return low, high
        low, high = (self.mean + self.std * norm.ppf(tail) for tail in tails)
        return low, high


@runtime_checkable
class CurveModel(Protocol):
    """Extrapolates learning curves.

    Attributes:
        source: the paper.
        needs_finished: whether `predict` raises until `fit` has seen finished curves.
        least_epochs: the fewest epochs of a run from which it can say anything.
    """

    source: str
    needs_finished: bool
    least_epochs: int

    def fit(self, finished: Curves) -> None:
        """Learns from finished curves; models that learn nothing ignore it.

        Raises:
            DataError: fewer than `FEWEST_FINISHED` curves, or without what the model learns from.
        """
        ...

    def predict(self, observed: Curves, horizon: int) -> Predictions:
        """Extrapolates each run to the accuracy after epoch `horizon`; failures stand in `errors`.

        Raises:
            ConfigError: the horizon has been passed already, or the model has not been fitted.
            DataError: the finished curves lack epochs or features of the observed ones.
        """
        ...


Block = Callable[[Curves], tuple[Floats, Floats] | tuple[Floats, Floats, Floats]]


def by_length(observed: Curves, horizon: int, least: int, block: Block) -> Predictions:
    """Calls `block` once for all runs of one length, cut to it, and leaves out what cannot be extrapolated.

    Args:
        observed: runs, NaN where not observed yet.
        horizon: the epoch to be predicted.
        least: fewest epochs that the model can do with.
        block: gives mean [m], std [m] and perhaps samples [m, s] of m runs without NaN; NaN means failure.
    """
    errors, lengths = observed.problems(least), observed.lengths
    if len(observed) and lengths.max(initial=0) and horizon <= observed.epochs[int(lengths.max()) - 1]:
        raise ConfigError(
            "the epoch to be predicted has been observed already",
            got=f"horizon {horizon}, observed up to epoch {observed.epochs[int(lengths.max()) - 1]}",
            fix="observe fewer epochs: curves.until(epoch)",
        )
    good = np.array([error is None for error in errors], dtype=bool)
    mean, std, samples = np.full(len(errors), np.nan), np.full(len(errors), np.nan), None
    for length in np.unique(lengths[good]):
        index = np.flatnonzero(good & (lengths == length))
        found = block(observed.rows(index).until(observed.epochs[length - 1]))
        mean[index], std[index] = found[:2]
        if len(found) == 3:
            samples = np.full((len(errors), found[2].shape[1]), np.nan) if samples is None else samples
            samples[index] = found[2]
    failed = good & ~np.isfinite(mean)
    why = tuple("the model found no finite value" if f else e for f, e in zip(failed, errors, strict=True))
    return Predictions(mean, std, why, samples)


def learnable(finished: Curves) -> Curves:
    """The runs that can be learned from: observed at every epoch, and not constant or diverged.

    Raises:
        DataError: fewer than `FEWEST_FINISHED`.
    """
    whole = finished.finished(finished.epochs[-1])
    whole = whole.rows([problem is None for problem in whole.problems(1)]) if len(whole) else whole
    if len(whole) < FEWEST_FINISHED:
        raise DataError(
            "too few finished learning curves to learn from",
            got=f"{len(whole)} of {len(finished)} runs are observed to epoch {finished.epochs[-1]} and learn",
            expected=f"at least {FEWEST_FINISHED}",
        )
    return whole


def matching(finished: Curves | None, observed: Curves, horizon: int, what: str) -> Curves:
    """The finished curves at the observed epochs and the horizon."""
    if finished is None:
        raise unfitted(what)
    check_features(finished.features, observed)
    return finished.at([*observed.epochs, horizon])


def check_features(fitted: Floats | None, observed: Curves) -> None:
    """Raises `DataError` unless the observed curves have as many features as the finished ones had."""
    widths = [0 if features is None else features.shape[1] for features in (fitted, observed.features)]
    if widths[0] != widths[1]:
        raise DataError("observed curves have other features than the finished ones", got=widths[1], expected=widths[0])


def check_losses(curves: Curves, what: str) -> Floats:
    """The training losses of finished curves, [n, t].

    Raises:
        DataError: there are none, or some are missing.
    """
    if curves.train_loss is None or not np.isfinite(curves.train_loss).all():
        raise DataError(f"{what} needs training losses", got="finished curves that lack some of them")
    return curves.train_loss


def unfitted(what: str) -> ConfigError:
    """The error of a model that was asked before it was fitted."""
    return ConfigError(f"{what} learns from finished curves and has seen none", fix="call fit(finished curves) first")


def architecture_ids(curves: Curves) -> list[int]:
    """A number an architecture, [n]: groups for cross-validation."""
    number = {name: i for i, name in enumerate(dict.fromkeys(curves.ids))}
    return [number[name] for name in curves.ids]


def need_extra(package: str, what: str) -> Any:
    """Imports an optional package."""
    try:
        return import_module(package)
    except ImportError:
        raise MissingExtraError(
            f"{what} needs {package}, which is not installed", fix="pip install 'ghn[curves]'"
        ) from None
