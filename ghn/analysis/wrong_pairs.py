"""The pairs of items that an estimate puts in the wrong order most decidedly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ghn.analysis.correlation import check_pair, check_reference
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, DataError

_ROWS = 256  # of the matrix of all pairs at a time


class Reversal(NamedTuple):
    """Two items, by index: the reference says `better`, the estimate says `worse`.

    `confidence` is the share of all items that lies between them: the smaller of the two shares, by the reference and
    by the estimate.
    """

    better: int
    worse: int
    confidence: float


def reversals(estimate: ArrayLike, reference: ArrayLike, *, k: int = 3, margin: float = 0.0) -> list[Reversal]:
    """Up to `k` pairs whose order by the estimate is most decidedly the reverse of that by the reference.

    Both must be decided, so the weaker of the two counts. No item occurs twice: else the worst outlier would be in
    every pair. Ties share their mean rank; of equally wrong pairs the first by index is taken.

    Args:
        estimate: [n], higher is better, finite.
        reference: [n], higher is better, finite.
        k: number of pairs.
        margin: least difference of the two references, in their unit; smaller ones may be noise.

    Returns:
        Most decided first; fewer than `k` where no more are reversed by more than the margin.

    Raises:
        DataError: shapes differ, values are not finite, references all equal, or fewer than `MIN_ITEMS`.
        ConfigError: `k` or `margin` is negative.
    """
    if k < 0 or not margin >= 0:
        raise ConfigError("k and margin must not be negative", got=f"k={k}, margin={margin}")
    x, y = check_pair(estimate, reference)
    check_reference(y)
    if not np.isfinite(x).all():
        raise DataError("some estimates are not finite", fix="leave the failed items out of both arrays")
    by_estimate, by_reference = ((rankdata(values) - 1) / (len(y) - 1) for values in (x, y))
    free = np.ones(len(y), bool)
    found: list[Reversal] = []
    while len(found) < k:
        worst = _worst(by_estimate, by_reference, y, margin, np.flatnonzero(free))
        if worst is None:
            break
        found.append(worst)
        free[[worst.better, worst.worse]] = False
    return found


def _worst(estimate: Floats, reference: Floats, value: Floats, margin: float, free: np.ndarray) -> Reversal | None:
    x, y, v = estimate[free], reference[free], value[free]
    best, where = 0.0, (0, 0)
    for start in range(0, len(free), _ROWS):
        rows = slice(start, start + _ROWS)
        confidence = np.minimum(y[rows, None] - y, x - x[rows, None])
        confidence[v[rows, None] - v <= margin] = 0
        i, j = np.unravel_index(confidence.argmax(), confidence.shape)
        if confidence[i, j] > best:
            best, where = float(confidence[i, j]), (start + int(i), int(j))
    return Reversal(int(free[where[0]]), int(free[where[1]]), best) if best > 0 else None
