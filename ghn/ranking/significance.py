"""Whether an error that goes with a property is more than chance, and how much chance many tests may have."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from ghn.errors import ConfigError
from ghn.ranking.partial import Pair, read_columns, unit_residuals
from ghn.ranking.weighted import Floats, Ties

_CHUNK = 2_000_000  # numbers at a time, which bounds memory at any n


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

    Args:
        estimates: {name: [n]}, finite.
        properties: {name: [n]}, finite.
        given: [n], the reference, finite.
        permutations: how many; the least p-value is 1 / (permutations + 1).
        seed: of the permutations.

    Returns:
        {(estimate, property): p}; None where the correlation is undefined.

    Raises:
        DataError: as in `rank_residuals`.
        ConfigError: no permutation.
    """
    if permutations < 1:
        raise ConfigError(
            "a permutation test needs permutations", got=permutations, expected="1 or more; 9999 is usual"
        )
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
