"""What a ladder learns from its pilot: how steps agree, and what candidates will cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from ghn.graph.simplify import simplify
from ghn.graph.stats import graph_stats
from ghn.types import Space

PRIOR, TRUST = 0.6, 6.0  # correlation of two steps before anything is known, and how many pilot networks it is worth
LEAST_PILOT = 4


def pilot_correlation(values: np.ndarray) -> np.ndarray:
    """Correlations [k, k] of steps' readings [k, n] of a pilot, pulled towards what is usual, as a pilot is small.

    Spearman's rank correlation, as that of the normal distribution with the same ranks: 2 sin(pi rho / 6).
    Source: Kruskal, "Ordinal Measures of Association", JASA 1958, sec. 6.
    """
    k = len(values)
    found = np.full((k, k), PRIOR)
    for i in range(k):
        for j in range(k):
            both = np.isfinite(values[i]) & np.isfinite(values[j])
            n = int(both.sum())
            if n >= LEAST_PILOT and np.ptp(values[i][both]) > 0 and np.ptp(values[j][both]) > 0:
                rho = 2 * np.sin(np.pi / 6 * spearmanr(values[i][both], values[j][both]).statistic)
                found[i, j] = (n * rho + TRUST * PRIOR) / (n + TRUST)
    np.fill_diagonal(found, 1.0)
    return found


def cost_line(seen: Sequence[tuple[float, float]]) -> Callable[[float], float]:
    """What a candidate may cost: a line through what was seen, raised until nothing seen lies above it.

    Args:
        seen: (size, seconds) of other candidates.

    Returns:
        Seconds as a function of size.
    """
    sizes, seconds = np.array(seen).T
    (fixed, slope), _ = nnls(np.stack([np.ones_like(sizes), sizes / sizes.max()], axis=1), seconds)
    fitted = fixed + slope * sizes / sizes.max()
    above = float(np.divide(seconds, fitted, out=np.ones_like(seconds), where=fitted > 0).max())
    return lambda size: above * float(fixed + slope * size / sizes.max())


def live_macs(space: Space[Any], arch: Any) -> float:
    """Multiply-adds of the live part of a candidate, at least 1."""
    return float(max(1, graph_stats(simplify(space.lower(arch))).macs))
