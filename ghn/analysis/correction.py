"""Readings as normal scores, which makes them comparable, and what trained references correct in their sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy.optimize import nnls
from scipy.special import softmax
from scipy.stats import norm, rankdata

from ghn.errors import ConfigError

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

POINTS = 65  # quantiles kept of a reading
LEAST = 20  # networks from which a population can be made
FEWEST = 5  # references below which their order says nothing
LEAST_NOISE = 0.05  # variance of a training that even a sum which fits its references perfectly has
LEAST_OF_COUNTS = 0.5  # trust in counts that a witness says nothing of: it does not count

Slopes = Float[np.ndarray, " f"]


class Population:
    """Quantiles of each reading over many networks of a space; no trained accuracy is in it.

    Args:
        quantiles: reading -> its quantiles at equal steps from 0 to 1, rising.
        votes: reading -> the part of a vote that it has, as `votes_of` says; 1 where there is none.
    """

    def __init__(
        self, quantiles: Mapping[str, Sequence[float] | np.ndarray], votes: Mapping[str, float] | None = None
    ) -> None:
        self.quantiles = {name: np.asarray(q, dtype=float) for name, q in quantiles.items()}
        self.votes = dict(votes or {})
        if not all(0 <= vote <= 1 for vote in self.votes.values()) or (self.votes and not any(self.votes.values())):
            raise ConfigError("a reading has nothing to one of its vote, and not all have nothing", got=self.votes)
        self._steps: dict[str, tuple[tuple[np.ndarray, np.ndarray], ...]] = {}  # of each reading, when it is asked for
        for name, q in self.quantiles.items():
            if q.ndim != 1 or len(q) < 2 or not np.isfinite(q).all() or (np.diff(q) < 0).any():
                raise ConfigError(f"the quantiles of {name} are not rising numbers", got=q.tolist()[:5])

    @classmethod
    def of(cls, readings: Mapping[str, np.ndarray], least: int = LEAST) -> Population:
        """Takes the quantiles of readings [n] over networks, at `least` so many; missing values (NaN) are left out."""
        found = {name: v[np.isfinite(v)] for name, v in readings.items()}
        if few := {name: len(v) for name, v in found.items() if len(v) < least}:
            raise ConfigError(
                "too few networks to tell what is usual in this space",
                got=few,
                expected=f"at least {least} networks with every reading",
                fix="give more architectures, or use a checkpoint whose card holds a population",
            )
        steps = np.linspace(0, 1, POINTS)
        return cls({name: np.quantile(v, steps) for name, v in found.items()})

    def normal_scores(self, name: str, values: np.ndarray) -> np.ndarray:
        """Where values [n] stand in the population, as quantiles of the standard normal distribution.

        Values beyond the population get the score of its most extreme one in 500.
        """
        if name not in self._steps:
            q = self.quantiles[name]
            steps = np.linspace(0, 1, len(q))
            self._steps[name] = _once(q, steps, np.minimum), _once(q, steps, np.maximum)
        first, last = self._steps[name]
        low, high = np.interp(values, *first), np.interp(values, *last)
        return norm.ppf(np.clip((low + high) / 2, 1e-3, 1 - 1e-3))

    def describe(self) -> dict[str, Any]:
        """JSON-able; `Population(described, votes)` makes an equal one."""
        return {name: q.tolist() for name, q in self.quantiles.items()}


def correlations(scores: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "k k"]:
    """Of k readings with one another; a constant one correlates with none."""
    telling = _telling(scores)
    found: Float[np.ndarray, "k k"] = np.eye(scores.shape[1])
    found[np.ix_(telling, telling)] = np.corrcoef(scores[:, telling], rowvar=False)
    return found


def _telling(scores: Float[np.ndarray, "n k"]) -> np.ndarray:
    """Which of k readings are not constant."""
    return np.ptp(scores, axis=0) > 0


def shared_votes(scores: Float[np.ndarray, "n k"], weights: ArrayLike) -> Float[np.ndarray, " k"]:
    """The part of its vote that each of k readings has: readings that say the same share one.

    The weights of forecasts whose mean has the least variance, with correlations shrunk half way to none, so that all
    are equal where nothing is redundant, and none is below zero. Two readings that agree fully have two thirds of one
    each, many together never more than two. No accuracy is known.

    Source: Bates & Granger, "The combination of forecasts", Operational Research Quarterly 1969; here of the readings
    themselves, as nobody knows their errors.

    Args:
        scores: normal scores of readings over networks; a constant one has a vote of its own.
        weights: of the readings before, from above 0 to 1. Two that agree fully, with half a vote each, are as one.

    Returns:
        What each weight is multiplied by, at most 1.
    """
    # least a' C a + sum of a^2 / weight at a fixed sum, a >= 0: the direction of this least-squares solution
    before = np.asarray(weights, dtype=float)
    root = np.linalg.cholesky(correlations(scores) + np.diag(1 / before))
    shares, _ = nnls(root.T, np.linalg.solve(root, np.ones(len(root))))
    votes: Float[np.ndarray, " k"] = shares / before
    return votes / votes.max()


def effective_number(scores: Float[np.ndarray, "n k"]) -> float:
    """As how many readings k count in their mean: k where none repeats another, one where all say the same.

    One over the variance of the mean of normal scores; constant readings do not count, and such as oppose one another
    count as if they had nothing in common.

    Source: Kish, "Survey Sampling", 1965: the design effect, there of a cluster whose elements are alike.
    """
    telling = scores[:, _telling(scores)]
    return 1 / float(np.maximum(correlations(telling), 0).mean()) if telling.size else 1.0


def votes_of(readings: Sequence[Float[np.ndarray, "n k"]], weights: ArrayLike) -> Float[np.ndarray, " g"]:
    """The part of its weight that each of g readings has, some of which are taken in several ways, whose mean counts.

    Such a mean has as many votes as it has ways that say something of their own, whatever it varies by
    (`effective_number`); then all share votes with those that say the same (`shared_votes`). No accuracy is known.

    Args:
        readings: of each the normal scores over networks, one column a way.
        weights: of the readings before; below zero where higher is worse. One of weight 0 has no vote, and takes none.

    Returns:
        What the weight of each mean is multiplied by, at most 1.
    """
    given, number = np.asarray(weights, dtype=float), np.array([effective_number(ways) for ways in readings])
    if not given.all():
        found: Float[np.ndarray, " g"] = np.zeros(len(given))
        found[given != 0] = votes_of(
            [ways for ways, weight in zip(readings, given, strict=True) if weight], given[given != 0]
        )
        return found
    means = np.stack([ways.mean(1) for ways in readings], 1) * np.sign(given)
    before = np.abs(given) * number / np.abs(given * number).max()
    # a mean of ways that differ varies less than each, and one with constant ways less again; those that oppose one
    # another cancel out, and are made no larger than such as have nothing in common
    constant = np.array([ways.shape[1] / max(1, _telling(ways).sum()) for ways in readings])
    votes: Float[np.ndarray, " g"] = shared_votes(means, before) * number**1.5 * constant
    return votes / votes.max()


def confirmed(
    source: Float[np.ndarray, " n"], witness: Float[np.ndarray, " n"], given: Sequence[Float[np.ndarray, " n"]]
) -> float:
    """How far a witness that errs by itself confirms a source beyond what others say, from 0 to 1.

    Twice the partial correlation of source and witness, given the others: none where a source says nothing, or only
    repeats these. A half is enough, as no witness knows everything. No accuracy is known.

    Source: Fisher, "The distribution of the partial correlation coefficient", Metron 1924.

    Args:
        source: scores of it over networks.
        witness: scores of the witness.
        given: scores of the others.
    """
    known = np.stack([np.ones(len(source)), *given], 1)
    own, other = (x - known @ np.linalg.lstsq(known, x, rcond=None)[0] for x in (source, witness))
    left = [np.linalg.norm(rest) for rest in (own, other)]
    if min(left) < 1e-6 * len(source) ** 0.5:  # what the others say tells all of one
        return 0.0
    return float(np.clip(2 * own @ other / np.prod(left), 0, 1))


def trust_of(
    witness: Float[np.ndarray, " n"],
    counts: Float[np.ndarray, " n"] | None,
    losses: Float[np.ndarray, " n"] | None,
    further: Sequence[Float[np.ndarray, " n"]] = (),
    heard: Float[np.ndarray, " n"] | None = None,
) -> tuple[float, float, list[float]]:
    """How far counts, losses and each further reading are confirmed (`confirmed`), from 0 to 1.

    Losses by the witness beyond counts; counts by the witness, beyond losses as far as these are trusted, so that such
    losses as only repeat counts take nothing from them; further readings by the losses beyond all that has a vote
    already, as far as losses are trusted. Counts are half trusted at least, as a witness that does not count may be
    blind to what is counted. A witness that says the same of most, as MeCo of vectors, leaves it to what it is part of;
    where that, too, tells nothing, it tells it of nobody: counts and losses are then trusted.

    Args:
        witness: its scores over networks.
        counts: the mean score of the counts; None: there are none.
        losses: that of the losses; None: there are none, and nothing confirms what is further.
        further: scores of each further reading.
        heard: of the reading that the witness is part of; None: of the witness.
    """
    of_counts = of_losses = 1.0
    known = [] if counts is None else [counts]
    heard = witness if heard is None else heard
    witness = witness if _tells(witness) else heard
    if _tells(witness):
        of_losses = 0.0 if losses is None else confirmed(losses, witness, known)
        if counts is not None:
            alone = confirmed(counts, witness, [])
            beyond = alone if losses is None else confirmed(counts, witness, [losses])
            of_counts = max(LEAST_OF_COUNTS, (1 - of_losses) * alone + of_losses * beyond)
    if losses is None:
        return of_counts, of_losses, [0.0] * len(further)
    return of_counts, of_losses, [of_losses * confirmed(one, losses, [*known, heard]) for one in further]


def _tells(scores: Float[np.ndarray, " n"]) -> bool:
    """Whether more than half of the networks are told from the others: what nearly all share is no order."""
    return 2 * np.unique(scores, return_counts=True)[1].max() <= len(scores)


def _once(q: np.ndarray, steps: np.ndarray, choose: np.ufunc) -> tuple[np.ndarray, np.ndarray]:
    """Each quantile once: ties stand at their first and last step, of which `normal_scores` takes the middle."""
    values, where = np.unique(q, return_inverse=True)
    out = np.full(len(values), np.inf if choose is np.minimum else -np.inf)
    choose.at(out, where, steps)
    return values, out


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the regression on references; chosen on the development sample (docs/ranking.md), not fitted again.

    Attributes:
        spread: standard deviation of the weighted mean of normal scores.
        slope: what the sum of readings tells of the truth, both in normal scores.
        amplitude: variance of what it does not tell and networks alike share.
        offset: variance of an error common to all.
        unlearn: variance of each reading's own slope beside the sum's: a sum trusts readings that say nothing in a
            space too, and references take that back.
        lines: variance of straight lines through all other features together, where there are such lines.
        doubt: part of the slope that is left where the sum is believed less.
        odds: how likely lines are beforehand, and doubt; references tell then how likely they are.
        noise: variance of a single training, with few references and with many. The first is larger than a training's:
            with that few of them hardly change the sum.
        reach: length scale, in units of the root of the number of features, with few references and with many.
        few: references up to which the first of the two holds.
        many: references from which on the second holds; between them the logarithm of the number decides.
    """

    spread: float = 0.9
    slope: float = 0.93
    amplitude: float = 0.15
    offset: float = 0.03
    unlearn: float = 0.02
    lines: float = 0.3
    doubt: float = 0.65
    odds: float = 0.3
    noise: tuple[float, float] = (0.1, 0.02)
    reach: tuple[float, float] = (0.4, 0.7)
    few: int = 20
    many: int = 100

    def answers(self, features: int) -> list[tuple[float, float, float]]:
        """What may be true where there are `features` beside the readings: a slope of the sum, a variance of lines
        through them, and how likely the two are.
        """
        doubts = [(1.0, 1 - self.odds), (self.doubt, self.odds)] if self.doubt < 1 else [(1.0, 1.0)]
        lines = [(0.0, 1 - self.odds), (self.lines, self.odds)] if self.lines and features else [(0.0, 1.0)]
        return [(self.slope * doubt, line, a * b) for doubt, a in doubts for line, b in lines if a * b]

    @property
    def unknown(self) -> float:
        """Mean square of what the answers differ in from the sum as it is, for sums and features of variance 1."""
        return self.odds * (self.lines + (self.slope * (1 - self.doubt)) ** 2)

    def process(self, references: int, slopes: Slopes) -> GaussianProcessRegressor:
        """The process for so many references and variances of the slopes of features; nothing of it is fitted."""
        from sklearn.gaussian_process import GaussianProcessRegressor  # slow to load: only where it is used
        from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

        from ghn.analysis.linear_kernel import LinearKernel

        step = log(max(1, references) / self.few) / log(self.many / self.few)
        noise, reach = (a + (b - a) * min(1.0, max(0.0, step)) for a, b in (self.noise, self.reach))
        kernel = ConstantKernel(self.amplitude) * RBF(reach * len(slopes) ** 0.5) + ConstantKernel(self.offset)
        kernel += LinearKernel(slopes)
        return GaussianProcessRegressor(kernel + WhiteKernel(noise), optimizer=None)

    def told(self, sums: Float[np.ndarray, " n"], targets: Float[np.ndarray, " n"]) -> Settings:
        """The same for any sum, whatever its scale: references tell its slope; what it leaves is noise at first.

        With many references less of that counts as noise, as it may be learnt. Chosen on the development sample over 40
        sets of zero-cost proxies and generated weights (docs/log.md, 2026-11-25). `targets` are normal scores.
        """
        variance = float(np.var(sums))
        slope = float(np.cov(sums, targets, bias=True)[0, 1]) / variance if variance else 0.0
        left = max(LEAST_NOISE, 1 - slope**2 * variance) if slope > 0 else 1.0
        return replace(self, slope=max(0.0, slope), doubt=1.0, noise=(left, 0.3 * left), reach=(1.0, 0.7))


@dataclass(frozen=True, slots=True)
class View:
    """What a regression sees of networks: k readings, and then other features of one kind.

    Attributes:
        known: of the references [r, f].
        new: of the candidates [n, f].
        slopes: variances [k] of the readings' own slopes.
    """

    known: Float[np.ndarray, "r f"]
    new: Float[np.ndarray, "n f"]
    slopes: Slopes

    @property
    def others(self) -> int:
        """How many features there are beside the readings."""
        return self.known.shape[1] - len(self.slopes)

    def all_slopes(self, lines: float) -> Slopes:
        """Variances [f] of the slopes of all features, of which those beside the readings share `lines`."""
        return np.concatenate([self.slopes, np.full(self.others, lines / max(1, self.others))])


def correct(
    views: Sequence[View],
    sums: Float[np.ndarray, " r"],
    values: Float[np.ndarray, " r"],
    new_sums: Float[np.ndarray, " n"],
    settings: Settings,
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Means and standard deviations of candidates, in normal scores of the references.

    Nobody knows which features say something in a space, whether they do so in straight lines, and how far the sum is
    to be believed: a regression is made for each answer, and each counts as much as it foresaw the references.

    Source: Gaussian process with a prior mean and, for the slopes, explicit basis functions: Rasmussen & Williams,
    "Gaussian Processes for Machine Learning", 2006, eq. 2.30, 2.38 and 2.40. Bayesian model averaging: Hoeting et al.,
    Statistical Science 1999, eq. 1 to 4.

    Args:
        views: of the same networks, each as likely as another beforehand.
        sums: of readings of the references: what is believed without the regression.
        values: measured of the references.
        new_sums: of the candidates.
        settings: of all regressions.
    """
    targets, found = normal_ranks(values), []
    for view in views:
        for slope, lines, likely in settings.answers(view.others):
            process = settings.process(len(sums), view.all_slopes(lines))
            mean, std = process.fit(view.known, targets - slope * sums).predict(view.new, return_std=True)
            found.append((slope * new_sums + mean, std, log(likely) + process.log_marginal_likelihood_value_))
    means, stds, evidence = (np.array(part) for part in zip(*found, strict=True))
    weights = softmax(evidence)
    mean = weights @ means
    return mean, np.sqrt(weights @ (stds**2 + (means - mean) ** 2))


def normal_ranks(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Normal scores of values among themselves (Blom's ranks)."""
    return norm.ppf((rankdata(values) - 0.375) / (len(values) + 0.25))
