"""Where an estimate errs: rank residuals, and their correlation with a property or with another estimate's.

A **rank residual** is what a straight line from the ranks of the reference leaves of the ranks of the estimate:
positive where an item is overrated, given what it is worth. The correlation of two columns of residuals is Spearman's
partial correlation given the reference; it is 0 for an estimate that is merely noisy, however much the property says of
the reference. (Rank of the estimate minus rank of the reference would not do: a noisy estimate draws everything to the
middle, and would seem to underrate whatever the best networks have.)

Of the two classical partial rank correlations Spearman's is used: it has residuals, so that picture, number and the
comparison of two estimates rest on the same thing. Kendall's has none, and no known distribution.

Source: Kendall & Gibbons, Rank Correlation Methods, 1990, chapter 8 (partial rank correlation).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations as ordered

import numpy as np
from numpy.typing import ArrayLike

from ghn.errors import ConfigError, DataError
from ghn.ranking.checks import MIN_ITEMS, check_pair, check_reference, check_settings
from ghn.ranking.measure import Statistic, resample
from ghn.ranking.weighted import Floats, Ties

Pair = tuple[str, str]
_LEFT = 1e-9  # share of its variance that a column must keep beside the reference; less is rounding
_CHUNK = 2_000_000  # numbers at a time, which bounds memory at any n


def rank_residuals(estimate: ArrayLike, reference: ArrayLike) -> Floats:
    """How far each item is overrated (+) or underrated (-), as a share of all items.

    Args:
        estimate: [n], higher is better, finite; ties share their mean rank.
        reference: [n], higher is better, finite.

    Returns:
        [n], with mean 0 and no correlation with the reference's ranks.

    Raises:
        DataError: shapes differ, values are not finite, references all equal, or fewer than `MIN_ITEMS`.
    """
    x, z = read_columns({"estimate": estimate}, reference)
    w = np.ones((1, len(z)))
    rank, given = (_centred(Ties(values), w)[0] for values in (x["estimate"], z))
    return (rank - given * (rank @ given) / (given @ given)) / len(z)


def partial_spearman(one: ArrayLike, other: ArrayLike, given: ArrayLike) -> float | None:
    """Spearman's partial correlation of [n] and [n] given [n]; None when undefined. Errors as in `rank_residuals`."""
    return partial_table({"one": one, "other": other}, given, [("one", "other")], bootstrap=0)["one", "other"].value


def partial_table(
    columns: Mapping[str, ArrayLike],
    given: ArrayLike,
    pairs: Sequence[Pair],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[Pair, Statistic]:
    """Spearman's partial correlation of pairs of columns given a reference, with percentile bootstrap intervals.

    The resamples are those of `ghn.ranking.rank` with equal n, bootstrap and seed; ranks are taken anew in each.

    Args:
        columns: {name: [n]}, finite; estimates and properties alike.
        given: [n], the reference, finite.
        pairs: names of two columns each.
        bootstrap: number of resamples; 0 leaves the intervals out.
        seed: of the resamples.

    Returns:
        {pair: value and interval}; the value is None for a column that is constant, or whose order is the reference's.

    Raises:
        DataError: as in `rank_residuals`.
        ConfigError: `bootstrap` is negative.
    """
    check_settings((), 2, bootstrap)
    x, z = read_columns(columns, given)
    return resample(_measure(x, z, pairs), len(z), bootstrap, seed)[0]


def partial_ceiling(
    references: ArrayLike,
    properties: Mapping[str, ArrayLike],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Statistic]:
    """What a second training of the same items shows as an estimate: the bias that noise of the reference feigns.

    A reference that is noisy does not say all that a property says of an item's worth, and so even a perfect estimate
    is partially correlated with whatever matters. A bias is to be believed as far as it differs from this. The mean
    over all ordered pairs of seeds; items without a value for every seed are left out.

    Args:
        references: [n, seeds], at least two seeds; NaN where an item was not trained with a seed.
        properties: {name: [n]}, finite.
        bootstrap: as in `partial_table`.
        seed: as in `partial_table`.

    Raises:
        DataError: not two-dimensional, fewer than two seeds, or fewer than `MIN_ITEMS` complete items.
        ConfigError: as in `partial_table`.
    """
    check_settings((), 2, bootstrap)
    table = np.asarray(references, dtype=float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise DataError("apparent bias needs several seeds", got=f"shape {table.shape}", expected="[n, seeds >= 2]")
    complete = np.isfinite(table).all(1)
    kept = {name: np.asarray(values, dtype=float)[complete] for name, values in properties.items()}
    seeds = [check_reference(column, int((~complete).sum())) for column in table[complete].T]
    each = [
        _measure(read_columns({**kept, "": estimate}, given)[0], given, [("", name) for name in kept])
        for estimate, given in ordered(seeds, 2)
    ]

    def mean(w: Floats) -> dict[str, Floats]:
        found = [measure(w) for measure in each]
        return {name: np.mean([one["", name] for one in found], axis=0) for name in kept}

    return resample(mean, int(complete.sum()), bootstrap, seed)[0]


def read_columns(columns: Mapping[str, ArrayLike], given: ArrayLike) -> tuple[dict[str, Floats], Floats]:
    """Finite arrays of one length, or a DataError that names the column."""
    found: dict[str, Floats] = {}
    for name, values in columns.items():
        x, z = check_pair(values, given)
        if not np.isfinite(x).all():
            raise DataError(
                f"{name!r} is not known for every item",
                got=f"{int((~np.isfinite(x)).sum())} of {len(x)} values are not finite",
                expected="a finite value for every item",
                fix="leave these items out of all arrays",
            )
        found[name] = x
    if not found:
        raise ConfigError("there is no column to correlate", expected=f"{{name: [n >= {MIN_ITEMS}] numbers}}")
    return found, check_reference(z)


def _centred(side: Ties, w: Floats) -> Floats:
    """[b, n]: ranks in each resample less their mean there."""
    ranks = side.midranks(w)
    return ranks - (w * ranks).sum(1, keepdims=True) / w.sum(1, keepdims=True)


def unit_residuals(sides: Sequence[Ties], given: Ties, w: Floats) -> Floats:
    """[b, columns, n]: residuals of length 1 under the weights, times the root of these; NaN where none is left."""
    dz = _centred(given, w)
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold a single value: its residuals are NaN
        size, out = (w * dz**2).sum(1, keepdims=True), np.empty((len(w), len(sides), w.shape[1]))
        for column, side in enumerate(sides):
            d = _centred(side, w)
            e = d - dz * (w * d * dz).sum(1, keepdims=True) / size
            left = (w * e**2).sum(1, keepdims=True)
            enough = left > _LEFT * (w * d**2).sum(1, keepdims=True)
            out[:, column] = np.sqrt(w) * e / np.sqrt(np.where(enough, left, np.nan))
    return out


def _measure(x: Mapping[str, Floats], z: Floats, pairs: Sequence[Pair]) -> Callable[[Floats], dict[Pair, Floats]]:
    """The function that `resample` wants: weights [b, n] to {pair: [b]}."""
    sides, given = [Ties(values) for values in x.values()], Ties(z)
    place = {name: column for column, name in enumerate(x)}
    one, other = (np.array([place[pair[side]] for pair in pairs], dtype=int) for side in (0, 1))
    step = max(1, _CHUNK // (len(z) * len(sides)))

    def measure(w: Floats) -> dict[Pair, Floats]:
        found = []
        for start in range(0, len(w), step):
            e = unit_residuals(sides, given, w[start : start + step])
            found.append(np.clip((e @ e.swapaxes(1, 2))[:, one, other], -1, 1))
        table = np.concatenate(found)
        return dict(zip(pairs, table.T, strict=True))

    return measure
