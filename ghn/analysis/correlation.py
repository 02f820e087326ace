"""How well an estimate orders a reference: statistics with their intervals, and the seed-to-seed ceiling."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ghn.analysis.weighted import Floats, Ties, evaluate, levels_of
from ghn.display import brief
from ghn.errors import ConfigError, DataError

Key = TypeVar("Key", bound=Hashable)
MIN_ITEMS = 10  # a rank correlation of fewer says nothing
MOST_RESAMPLES = 1_000_000  # more take hours, and tell no more
_CHUNK = 2_000_000  # resamples x items at a time, which bounds memory at any n


def check_pair(estimate: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    """Two finite-or-failed [n] and finite [n] arrays, or a DataError."""
    x, y = np.asarray(estimate, dtype=float), np.asarray(reference, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(
            "estimate and reference are not two lists of the same length",
            got=f"shapes {x.shape} and {y.shape}",
            expected="[n] and [n], one value an item, in the same order",
        )
    missing = ~np.isfinite(y)
    if missing.any():
        raise DataError(
            "some references are not finite",
            got=f"{int(missing.sum())} of {len(y)}, the first at index {int(missing.argmax())}",
            expected="a measured value for every item",
            fix="leave the items without a reference out of both arrays",
        )
    return x, y


def check_reference(y: Floats, failed: int = 0) -> Floats:
    """References with an order to recover, or a DataError."""
    if len(y) < MIN_ITEMS:
        raise DataError(
            "too few items to rank",
            got=f"{len(y)}" + (f" ({failed} more were dropped as failed)" if failed else ""),
            expected=f"at least {MIN_ITEMS}",
            fix="score more items that have a reference",
        )
    if np.ptp(y) == 0:
        raise DataError(
            "all references are equal, so there is no order to recover",
            got=f"{len(y)} times {y[0]:g}",
            expected="at least two different values",
        )
    return y


def check_seeds(what: str, references: ArrayLike) -> tuple[NDArray[np.bool_], list[Floats]]:
    """Which items of [n, seeds] have a value for every seed, and the columns of these; or a DataError."""
    table = np.asarray(references, dtype=float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise DataError(f"{what} needs several seeds", got=f"shape {table.shape}", expected="[n, seeds >= 2]")
    complete = np.isfinite(table).all(1)
    return complete, [check_reference(column, int((~complete).sum())) for column in table[complete].T]


def check_settings(ks: Sequence[int], min_level: int, bootstrap: int) -> None:
    """A ConfigError for settings out of range."""
    if any(k != int(k) or k < 1 for k in ks):
        raise ConfigError("ks must be whole numbers of at least 1", got=list(ks), fix="for instance ks=(10,)")
    if min_level < 2:
        raise ConfigError("a group needs two items to have an order", got=min_level, expected="min_level >= 2")
    if not 0 <= bootstrap <= MOST_RESAMPLES:
        expected = f"0 to {MOST_RESAMPLES:,}; 1000 is usual"
        raise ConfigError("bootstrap counts resamples", got=bootstrap, expected=expected)


@dataclass(frozen=True, slots=True)
class Statistic:
    """A value with its 95 % percentile bootstrap interval; None where undefined or not asked for."""

    value: float | None
    low: float | None = None
    high: float | None = None


@brief
@dataclass(frozen=True, slots=True)
class Ranking:
    """Everything `rank` measures on `n` items, after `failed` ones were dropped as their estimate was not finite.

    `statistics` are `kendall`, `concordance`, `spearman`, `pearson`, each also with `_best_half` and `_best_fifth`,
    `kendall_within_groups` (if groups were given), `ndcg@10%`, `precision@k` and `regret@k` for each k. `samples` are
    the bootstrap values behind each interval, [bootstrap], NaN where undefined.
    """

    n: int
    failed: int
    statistics: dict[str, Statistic]
    samples: dict[str, Floats] = field(repr=False, compare=False)

    def __getitem__(self, key: str) -> Statistic:
        return self.statistics[key]


def resample(
    measure: Callable[[Floats], dict[Key, Floats]], n: int, bootstrap: int, seed: int
) -> tuple[dict[Key, Statistic], dict[Key, Floats]]:
    """Values, intervals and samples; the same n, bootstrap and seed always draw the same resamples."""
    rng = np.random.default_rng(seed)
    step = max(1, _CHUNK // n)
    sizes = [min(step, bootstrap - start) for start in range(0, bootstrap, step)]
    chunks = [measure(rng.multinomial(n, np.full(n, 1 / n), size=b).astype(float)) for b in sizes]
    point = measure(np.ones((1, n)))
    samples = {key: np.concatenate([chunk[key] for chunk in chunks] or [np.zeros(0)]) for key in point}
    return {key: _interval(point[key][0], samples[key]) for key in point}, samples


def _interval(value: float, samples: Floats) -> Statistic:
    defined = samples[np.isfinite(samples)]
    if not np.isfinite(value):
        return Statistic(None)
    if len(defined) == 0 or len(defined) < len(samples) / 2:  # an interval of the lucky half would mislead
        return Statistic(float(value))
    low, high = np.percentile(defined, [2.5, 97.5])
    return Statistic(float(value), float(low), float(high))


def rank(
    estimate: ArrayLike,
    reference: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    ks: Sequence[int] = (10,),
    min_level: int = 15,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Ranking:
    """Measures how well an estimate orders a reference, with bootstrap intervals.

    - `kendall` is tau-b. `concordance` is the share of pairs put in the right order, of those whose references differ;
      a pair that the estimate ties counts half, as if a coin were tossed. None where it ties all of them.
    - `_best_half` and `_best_fifth` keep the ceil(share * n) best items **by reference**,
      and everything that ties with the last of them. A resample chooses its part anew, because the sample's
      best half is itself an estimate.
    - `kendall_within_groups`: tau-b inside every group of at least `min_level` items whose references differ,
      averaged with the number of pairs as weight. A group that the estimate leaves tied counts 0; None when
      no group counts, or when the estimate leaves all of them tied.
    - `ndcg@10%`: discounted gain of the estimate's top tenth over that of the reference's own; the gain of an item is
      the share of the items that it is better than. A random order has about one half.
    - `precision@k`: share of the estimate's top k that is in the reference's top k (its ties at the cut all
      in).
    - `regret@k`: best reference of all minus the best among the estimate's top k, in the reference's unit.
      Its interval is rough: only 63 % of the resamples hold the best item.
    - Ties of the estimate at the cut of `@k` fall at random, and the expected value is given.

    Args:
        estimate: [n], higher is better; non-finite means failed.
        reference: [n], higher is better, finite.
        groups: [n], for instance parameter counts.
        ks: sizes of the top for precision and regret; None is reported where k >= n.
        min_level: smallest group that counts.
        bootstrap: number of resamples; 0 leaves the intervals out.
        seed: of the resamples; equal n, bootstrap and seed give equal resamples, so that rows can be paired.

    Raises:
        DataError: shapes differ, references not finite or all equal, or fewer than `MIN_ITEMS` left.
        ConfigError: `ks`, `min_level` or `bootstrap` is out of range.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13 (percentile interval).
    """
    check_settings(ks, min_level, bootstrap)
    x, y = check_pair(estimate, reference)
    g = None if groups is None else np.asarray(groups)
    if g is not None and g.shape != y.shape:
        raise DataError("groups do not match the references", got=f"{g.shape}", expected=f"{y.shape}")
    kept = np.isfinite(x)
    y = check_reference(y[kept], failed=int((~kept).sum()))
    levels = None if g is None else levels_of(g[kept], y, min_level)
    sides = Ties(x[kept]), Ties(y)
    statistics, samples = resample(lambda w: evaluate(*sides, w, ks, levels), len(y), bootstrap, seed)
    return Ranking(len(y), int((~kept).sum()), statistics, samples)


def ceiling(
    references: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    ks: Sequence[int] = (10,),
    min_level: int = 15,
    bootstrap: int = 1000,
    seed: int = 0,
) -> Ranking:
    """What a second, independent training of the same networks scores when it is used as the estimate.

    The mean of `rank` over all ordered pairs of seeds; the second of a pair is the reference, which chooses
    the best half. An estimator that knew the noise-free accuracy could be slightly above this. `references` are
    [n, seeds] of at least two seeds, NaN where an item was not trained with a seed; items without a value for every
    seed are left out and counted in `failed`. The other arguments are those of `rank`.

    Raises:
        DataError: not two-dimensional, fewer than two seeds, or fewer than `MIN_ITEMS` complete items.
        ConfigError: as in `rank`.
    """
    check_settings(ks, min_level, bootstrap)
    complete, columns = check_seeds("a ceiling", references)
    g = None if groups is None else np.asarray(groups)[complete]
    levels = [None if g is None else levels_of(g, column, min_level) for column in columns]
    sides = [Ties(column) for column in columns]

    def both(w: Floats) -> dict[str, Floats]:
        pairs = permutations(range(len(sides)), 2)
        each = [evaluate(sides[a], sides[b], w, ks, levels[b]) for a, b in pairs]
        return {key: np.mean([one[key] for one in each], axis=0) for key in each[0]}

    statistics, samples = resample(both, int(complete.sum()), bootstrap, seed)
    return Ranking(int(complete.sum()), int((~complete).sum()), statistics, samples)


def difference(one: Ranking, other: Ranking, key: str = "kendall") -> Statistic:
    """`one` minus `other` with its paired interval: both must have ranked the same items with the same seed.

    Raises:
        DataError: the two were not made from equally many items and resamples.
    """
    a, b = one.samples[key], other.samples[key]
    if one.n != other.n or len(a) != len(b):
        raise DataError("these rankings cannot be paired", got=f"n = {one.n} and {other.n}", expected="the same items")
    first, second = one[key].value, other[key].value
    return Statistic(None) if first is None or second is None else _interval(first - second, a - b)


def mean_ranking(rankings: Sequence[Ranking]) -> Ranking:
    """The mean of several estimates of the same items, such as one a draw of references; resample by resample.

    Its intervals are of the mean, over items; how the estimates spread is another matter. A statistic that one of them
    lacks is None.

    Raises:
        DataError: there are none, or they were not made from equally many items and resamples.
    """
    shapes = {(one.n, one.failed, tuple((key, len(s)) for key, s in one.samples.items())) for one in rankings}
    if len(shapes) != 1:
        got = sorted({one.n for one in rankings})
        raise DataError(
            "these rankings have no mean", got=f"n = {got}", expected="the same items, at least one ranking"
        )
    statistics, samples = {}, {}
    for key in rankings[0].statistics:
        values = [np.nan if (v := one[key].value) is None else v for one in rankings]
        samples[key] = np.mean([one.samples[key] for one in rankings], axis=0)
        statistics[key] = _interval(float(np.mean(values)), samples[key])
    return Ranking(rankings[0].n, rankings[0].failed, statistics, samples)


def kendall(estimate: ArrayLike, reference: ArrayLike) -> float | None:
    """Kendall's tau-b of [n] against [n] without its interval; None when undefined. Errors as in `rank`."""
    return rank(estimate, reference, ks=(), bootstrap=0)["kendall"].value


def concordance(estimate: ArrayLike, reference: ArrayLike) -> float | None:
    """The share of pairs of [n] against [n] in the right order, as in `rank`; None when undefined. Errors as there."""
    return rank(estimate, reference, ks=(), bootstrap=0)["concordance"].value
