"""What a model of learning curves is and answers, and what several of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import norm
from torch import Tensor

from ghn.errors import ConfigError, DataError
from ghn.tables.curves import Curves, Floats

FEWEST_FINISHED = 10  # finished curves from which something can be learned
Block = tuple[Floats, Floats] | tuple[Floats, Floats, Floats]  # mean [m], std [m], and perhaps samples [m, s]


@dataclass(frozen=True)
class Predictions:
    """Accuracies expected after the last epoch, fractions.

    `mean` and `std` [n] (of the value to be observed) are NaN, and `errors` [n] says why, where a run could not be
    extrapolated; `std` is NaN where it is unknown. `samples` [n, s] are of the predictive distribution, where a model
    has them; otherwise it is taken as normal.
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
        """Learns from finished curves, at least `FEWEST_FINISHED`; models that learn nothing ignore it."""
        ...

    def predict(self, observed: Curves, horizon: int) -> Predictions:
        """Extrapolates each run to the accuracy after epoch `horizon`; failures stand in `errors`.

        Raises:
            ConfigError: the horizon has been passed already, or the model has not been fitted.
            DataError: the finished curves lack epochs or features of the observed ones.
        """
        ...


@dataclass
class Extrapolator:
    """What the models here share: they keep finished curves, and take runs of one length together (`_block`).

    `what` names the model in messages.
    """

    what = "the model"
    needs_finished = True
    least_epochs = 1
    _finished: Curves | None = field(default=None, init=False, repr=False)

    def fit(self, finished: Curves) -> None:
        self._finished = learnable(finished)

    @property
    def known(self) -> Curves:
        """The finished curves that it has learnt from."""
        if self._finished is None:
            fix = "call fit(finished curves) first"
            raise ConfigError(f"{self.what} learns from finished curves and has seen none", fix=fix)
        return self._finished

    def predict(self, observed: Curves, horizon: int) -> Predictions:
        if self.needs_finished:
            _check_features(self.known, observed)
        errors, lengths = self._problems(observed), observed.lengths
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
            found = self._block(observed.rows(index).until(observed.epochs[length - 1]), horizon)
            mean[index], std[index] = found[:2]
            if len(found) == 3:
                samples = np.full((len(errors), found[2].shape[1]), np.nan) if samples is None else samples
                samples[index] = found[2]
        failed = good & ~np.isfinite(mean)
        why = tuple("the model found no finite value" if f else e for f, e in zip(failed, errors, strict=True))
        return Predictions(mean, std, why, samples)

    def _problems(self, observed: Curves) -> list[str | None]:
        """Why each run cannot be extrapolated; None where it can."""
        return observed.problems(self.least_epochs)

    def _block(self, curves: Curves, horizon: int) -> Block:
        """What is expected of m runs of one length, without NaN; NaN in the mean is a failure."""
        raise NotImplementedError


def learnable(finished: Curves) -> Curves:
    """The runs, at least `FEWEST_FINISHED`, that teach: observed at every epoch, and not constant or diverged."""
    whole = finished.finished(finished.epochs[-1])
    whole = whole.rows([problem is None for problem in whole.problems(1)]) if len(whole) else whole
    if len(whole) < FEWEST_FINISHED:
        raise DataError(
            "too few finished learning curves to learn from",
            got=f"{len(whole)} of {len(finished)} runs are observed to epoch {finished.epochs[-1]} and learn",
            expected=f"at least {FEWEST_FINISHED}",
        )
    return whole


def _check_features(finished: Curves, observed: Curves) -> None:
    widths = [0 if curves.features is None else curves.features.shape[1] for curves in (finished, observed)]
    if widths[0] != widths[1]:
        raise DataError("observed curves have other features than the finished ones", got=widths[1], expected=widths[0])


def check_losses(curves: Curves, what: str) -> None:
    """Raises `DataError` where training losses of finished curves are missing."""
    if curves.train_loss is None or not np.isfinite(curves.train_loss).all():
        raise DataError(f"{what} needs training losses", got="finished curves that lack some of them")


def architecture_ids(curves: Curves) -> list[int]:
    """A number an architecture, [n]: groups for cross-validation."""
    number = {name: i for i, name in enumerate(dict.fromkeys(curves.ids))}
    return [number[name] for name in curves.ids]


class StandardUnits:
    """Times as shares of the last epoch of finished curves, accuracies and features by their mean and deviation.

    Args:
        known: the finished curves.
    """

    def __init__(self, known: Curves) -> None:
        self.features, self.last = known.features, known.epochs[-1]
        self.centre, self.scale = known.val_accuracy.mean(), known.val_accuracy.std()
        if known.features is not None:
            spread = known.features.std(axis=0)
            self._mean, self._spread = known.features.mean(axis=0), np.where(spread > 0, spread, 1.0)

    def times(self, epochs: Sequence[int]) -> Float[Tensor, " t"]:
        return torch.tensor(epochs, dtype=torch.float64) / self.last

    def inputs(self, curves: Curves) -> Float[Tensor, "n f"]:
        """Features; a single 0 where there are none."""
        if self.features is None or curves.features is None:
            return torch.zeros(len(curves), 1, dtype=torch.float64)
        return torch.from_numpy((curves.features - self._mean) / self._spread)

    def outputs(self, curves: Curves) -> Float[Tensor, "n t"]:
        return torch.from_numpy((curves.val_accuracy - self.centre) / self.scale)

    def back(self, mean: Float[Tensor, " n"], std: Float[Tensor, " n"]) -> tuple[Floats, Floats]:
        """Means and standard deviations as accuracies."""
        return (mean * self.scale + self.centre).numpy(), np.asarray((std * self.scale).numpy())


def condition(
    mean: Float[Tensor, "n t"], covariance: Float[Tensor, "n t t"], y: Float[Tensor, "n seen"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """Mean and variance of the last point of normal curves, given all the others."""
    gain = torch.linalg.solve(covariance[:, :-1, :-1], covariance[:, :-1, -1:])[..., 0]
    expected = mean[:, -1] + (gain * (y - mean[:, :-1])).sum(dim=1)
    left = covariance[:, -1, -1] - (gain * covariance[:, :-1, -1]).sum(dim=1)
    return expected, left.clamp(min=1e-9)
