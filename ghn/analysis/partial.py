"""Where an estimate errs: rank residuals, and their correlation with a property or with another estimate's.

A **rank residual** is what a curve over the ranks of the reference leaves of the ranks of the estimate: positive where
an item is overrated, given what it is worth. The correlation of two columns of residuals is Spearman's partial
correlation given the reference; it is 0 for an estimate that is merely noisy, however much the property says of the
reference. (Rank of the estimate minus rank of the reference would not do: a noisy estimate draws everything to the
middle, and would seem to underrate whatever the best items have.)

The classical formula has a straight line for the curve. Here it is a polynomial of up to four degrees (`degree`): an
estimate that loses hold among the best and a property that is saturated there would else seem to go together.

Of the two partial rank correlations Spearman's is used: it has residuals, so that pictures, numbers and the comparison
of two estimates rest on the same thing. Kendall's has none.

Source: Liu, Li, Wanga & Shepherd, Covariate-adjusted Spearman's rank correlation with probability-scale residuals,
Biometrics 2018: the correlation of the residuals of two models, each of a column's ranks on the covariate.

`permutation_test` says whether an error that goes with a property is more than chance, `holm` how much chance many such
tests may have together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import permutations as ordered

import numpy as np
from numpy.typing import ArrayLike

from ghn.analysis.correlation import (
    MIN_ITEMS,
    Statistic,
    check_pair,
    check_reference,
    check_seeds,
    check_settings,
    resample,
)
from ghn.analysis.weighted import Floats, Ties
from ghn.errors import ConfigError, DataError

Pair = tuple[str, str]
_LEFT = 1e-9  # share that a column must keep when its mean or the reference is taken out; less is rounding
_CHUNK = 2_000_000  # numbers at a time, which bounds memory at any n


def rank_residuals(estimate: ArrayLike, reference: ArrayLike) -> Floats:
    """How far each item is overrated (+) or underrated (-), [n], as a share of all items; both arrays finite.

    Their mean is 0, and they are uncorrelated with the reference's ranks and their powers up to `degree(n)`. Ties of
    the estimate share their mean rank.

    Raises:
        DataError: shapes differ, values are not finite, references all equal, or fewer than `MIN_ITEMS`.
    """
    x, z = read_columns({"estimate": estimate}, reference)
    w, side = np.ones((1, len(z))), Ties(x["estimate"])
    ranks = side.midranks(w)[0]
    curves = _curves(Ties(z), w)[0]
    return (ranks - curves @ (curves.T @ ranks)) / len(z)


def partial_table(
    columns: Mapping[str, ArrayLike], given: ArrayLike, pairs: Sequence[Pair], *, bootstrap: int = 1000, seed: int = 0
) -> dict[Pair, Statistic]:
    """Spearman's partial correlation of pairs of columns given a reference, with percentile bootstrap intervals.

    The resamples are those of `rank` with equal n, bootstrap and seed; ranks are taken anew in each. The value is None
    for a column that is constant, or whose order is the reference's. Columns are finite [n], estimates and properties
    alike, as is the reference.

    Raises:
        DataError: as in `rank_residuals`.
        ConfigError: `bootstrap` is negative.
    """
    check_settings((), 2, bootstrap)
    x, z = read_columns(columns, given)
    return resample(_measure(x, z, pairs), len(z), bootstrap, seed)[0]


def partial_ceiling(
    references: ArrayLike, properties: Mapping[str, ArrayLike], *, bootstrap: int = 1000, seed: int = 0
) -> dict[str, Statistic]:
    """What a second training of the same items shows as an estimate: the bias that noise of the reference feigns.

    A reference that is noisy does not say all that a property says of an item's worth, and so even a perfect estimate
    is partially correlated with whatever matters. A bias is to be believed as far as it differs from this. The mean
    over all ordered pairs of seeds; items without a value for every seed are left out. `references` are as in
    `ghn.analysis.correlation.ceiling`, the properties [n] finite.

    Raises:
        DataError: not two-dimensional, fewer than two seeds, or fewer than `MIN_ITEMS` complete items.
        ConfigError: as in `partial_table`.
    """
    check_settings((), 2, bootstrap)
    complete, seeds = check_seeds("apparent bias", references)
    kept = {name: np.asarray(values, dtype=float)[complete] for name, values in properties.items()}
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


def unit_residuals(sides: Sequence[Ties], given: Ties, w: Floats) -> Floats:
    """[b, columns, n]: residuals of length 1 under the weights, times the root of these; NaN where none is left."""
    root = np.sqrt(w)
    curves = _curves(given, w)
    out = np.empty((len(w), len(sides), w.shape[1]))
    for column, side in enumerate(sides):
        ranks = root * side.midranks(w)
        e = ranks - np.einsum("bnk,bk->bn", curves, np.einsum("bnk,bn->bk", curves, ranks))
        left = (e**2).sum(1, keepdims=True)
        mean = (root * ranks).sum(1, keepdims=True) / w.sum(1, keepdims=True)
        varies = ((ranks - root * mean) ** 2).sum(1, keepdims=True)
        enough = (left > _LEFT * varies) & (varies > _LEFT * (ranks**2).sum(1, keepdims=True))
        out[:, column] = e / np.sqrt(np.where(enough, left, np.nan))
    return out


def _curves(given: Ties, w: Floats) -> Floats:
    """[b, n, k]: orthonormal columns that span the polynomials in the ranks of the reference, under the weights."""
    ranks = given.midranks(w) / w.sum(1, keepdims=True) * 2 - 1
    basis = np.sqrt(w)[..., None] * np.polynomial.legendre.legvander(ranks, degree(w.shape[1]))
    left, size, _ = np.linalg.svd(basis, full_matrices=False)
    return left * (size > 1e-6 * size[:, :1])[:, None]  # a reference of few values spans fewer curves


def degree(n: int) -> int:
    """Of the curve that is fitted to n items: a straight line below 20, one more for every ten, at most four."""
    return min(max(n // 10, 1), 4)


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


def permutation_test(
    estimates: Mapping[str, ArrayLike],
    properties: Mapping[str, ArrayLike],
    given: ArrayLike,
    *,
    permutations: int = 9999,
    seed: int = 0,
) -> dict[Pair, float | None]:
    """Two-sided p-values of "this estimate's error has nothing to do with this property", not yet corrected.

    Residuals of the properties are shuffled against those of the estimates, and the correlation is divided by its
    own standard error each time: this keeps the level where the spread of the residuals changes with the reference, and
    p-values below 1 / bootstrap, which many tests need, cost little.

    Source: Freedman & Lane, A nonstochastic interpretation of reported significance levels, Journal of Business &
    Economic Statistics 1983 (residuals are shuffled); DiCiccio & Romano, Robust permutation tests for correlation and
    regression coefficients, Journal of the American Statistical Association 2017 (studentised); Phipson & Smyth,
    Permutation p-values should never be zero, 2010 (one is added to both counts).

    All columns are finite [n]. The least p-value is 1 / (permutations + 1); it is None where the correlation is
    undefined.

    Raises:
        DataError: as in `rank_residuals`.
        ConfigError: no permutation.
    """
    if permutations < 1:
        expected = "1 or more; 9999 is usual"
        raise ConfigError("a permutation test needs permutations", got=permutations, expected=expected)
    x, z = read_columns(estimates, given)
    y = read_columns(properties, given)[0]
    one = np.ones((1, len(z)))
    ex, ey = (unit_residuals([Ties(v) for v in side.values()], Ties(z), one)[0] for side in (x, y))
    observed = _studentised(ex, ey)
    reached, rng = np.zeros_like(observed), np.random.default_rng(seed)
    step = max(1, _CHUNK // (len(z) * len(y)))
    for start in range(0, permutations, step):
        many = min(step, permutations - start)
        order = rng.permuted(np.tile(np.arange(len(z)), (many, 1)), axis=1)
        found = _studentised(ex, ey[:, order].reshape(-1, len(z)))
        more = np.abs(found).reshape(len(x), len(y), many) >= np.abs(observed)[..., None] - 1e-12
        reached += more.sum(-1)
    p = np.where(np.isfinite(observed), (reached + 1) / (permutations + 1), np.nan)
    return {(a, b): float(p[i, j]) if np.isfinite(p[i, j]) else None for i, a in enumerate(x) for j, b in enumerate(y)}


def holm(p: Mapping[Pair, float | None]) -> dict[Pair, float | None]:
    """P-values corrected for their number; what is undefined stays None and does not count.

    When what is below 0.05 is called significant, the chance of a single false finding among all is at most 5 %,
    however the tests depend on each other. Bounding the share of false findings instead (Benjamini & Hochberg) is next
    to no correction where most estimates are biased, and would now and then find a bias of one that is not.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    known = sorted((value, pair) for pair, value in p.items() if value is not None)
    corrected: dict[Pair, float | None] = dict.fromkeys(p)
    bound = 0.0
    for place, (value, pair) in enumerate(known):
        bound = max(bound, min(1.0, (len(known) - place) * value))
        corrected[pair] = bound
    return corrected


def _studentised(ex: Floats, ey: Floats) -> Floats:
    """[estimates, properties]: correlations over their standard errors, of [estimates, n] and [properties, n]."""
    return ex @ ey.T / np.sqrt(ex**2 @ (ey**2).T)
