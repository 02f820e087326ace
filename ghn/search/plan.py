"""How a ladder spends its budget: what a pilot tells of its steps, and how many candidates each of them judges."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from scipy.optimize import nnls
from scipy.stats import spearmanr

from ghn.errors import ConfigError
from ghn.spaces.members import live_stats
from ghn.types import Space

PRIOR, TRUST = 0.6, 6.0  # correlation of two steps before anything is known, and how many pilot networks it is worth
LEAST_PILOT = 4
DRAWS = 32  # simulated searches behind each expectation; the same ones for every plan, so plans differ by what they are
GROWTH = 1.8  # between the numbers of candidates that are tried out
LARGEST = 20_000  # simulated candidates; more are as good as these


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
    """Seconds that a candidate of some size may cost: a line through what was `seen`, (size, seconds) of other
    candidates, raised until nothing lies above it.
    """
    sizes, seconds = np.array(seen).T
    (fixed, slope), _ = nnls(np.stack([np.ones_like(sizes), sizes / sizes.max()], axis=1), seconds)
    fitted = fixed + slope * sizes / sizes.max()
    above = float(np.divide(seconds, fitted, out=np.ones_like(seconds), where=fitted > 0).max())
    return lambda size: above * float(fixed + slope * size / sizes.max())


def live_macs(space: Space[Any], arch: Any) -> float:
    """Multiply-adds of the live part of a candidate, at least 1."""
    return float(max(1, live_stats(space, arch).macs))


@dataclass(frozen=True, slots=True)
class Plan:
    """How many candidates each step judges (0: it is left out), the expected truth of the one that is chosen, in
    standard deviations above the middle of the space, and the seconds that it costs.
    """

    counts: tuple[int, ...]
    gain: float
    seconds: float


def make_plan(
    correlation: np.ndarray,
    costs: Sequence[float],
    chains: Sequence[str | None],
    budget: float,
    pool: int,
    seed: int = 0,
) -> Plan:
    """The plan of the highest expected truth that a budget can pay.

    Readings and truth are taken for jointly normal, which is what ranks know of them. A step judges the best of the
    step before it, by that step's reading, and the last step is the truth. Every set of steps that ends with the last
    one is tried, with numbers of candidates on a geometric grid; the first of them judges as many as the rest leaves.

    Source: the trade-off is that of Hyperband (Li et al., JMLR 2018, sec. 3), with correlations known, not hedged.

    Args:
        correlation: of the steps' readings [k, k]; the last row is with the truth.
        costs: of each step in seconds a candidate, from the beginning.
        chains: steps of one chain go on from each other, and cost the difference; None goes on from nothing.
        budget: seconds.
        pool: candidates that there are.
        seed: of the simulation.

    Raises:
        ConfigError: the budget does not pay for one candidate in the last step, or arguments do not fit.
    """
    k = len(costs)
    if correlation.shape != (k, k) or len(chains) != k or pool < 1:
        raise ConfigError(
            "a plan needs a correlation matrix, a cost and a chain for each step, and a pool",
            got=f"correlation {correlation.shape}, {k} costs, {len(chains)} chains, pool {pool}",
        )
    if budget < costs[-1]:
        raise ConfigError(
            "the budget does not pay for one candidate in the last step",
            got=f"{budget:.4g} seconds",
            expected=f"at least {costs[-1]:.4g}",
            fix="give a larger budget, or a cheaper last step",
        )
    readings = _simulate(correlation, min(pool, LARGEST), seed)
    best = Plan((0,) * k, -np.inf, 0.0)
    for size in range(k):
        for chosen in combinations(range(k - 1), size):
            steps = (*chosen, k - 1)
            own = [own_cost(costs, chains, steps, i) for i in range(len(steps))]
            for counts in _allocations(own, budget, readings.shape[1]):
                gain = _gain(readings, steps, counts)
                if gain > best.gain:
                    full = dict(zip(steps, counts, strict=True))
                    seconds = sum(c * n for c, n in zip(own, counts, strict=True))
                    best = Plan(tuple(full.get(i, 0) for i in range(k)), gain, seconds)
    return best


def own_cost(costs: Sequence[float], chains: Sequence[str | None], steps: Sequence[int], place: int) -> float:
    """What the step at a place costs a candidate that came through the steps before it."""
    step = steps[place]
    before = [costs[s] for s in steps[:place] if chains[s] is not None and chains[s] == chains[step]]
    return max(costs[step] - max(before, default=0.0), 0.0)


def _allocations(costs: Sequence[float], budget: float, pool: int) -> Iterator[tuple[int, ...]]:
    """Falling numbers of candidates that the budget pays; the first step takes what the others leave."""

    def later(place: int, least: int, left: float) -> Iterator[tuple[int, ...]]:
        if place == 0:
            first = pool if costs[0] == 0 else min(pool, int(left / costs[0]))
            if first >= least:
                yield (first,)
            return
        count = max(1, least)
        while count <= pool and count * costs[place] <= left:
            for rest in later(place - 1, count, left - count * costs[place]):
                yield (*rest, count)
            count = max(count + 1, int(count * GROWTH))

    yield from later(len(costs) - 1, 1, budget)


def _simulate(correlation: np.ndarray, pool: int, seed: int) -> np.ndarray:
    """Readings [draws, pool, k] of this correlation; the nearest one that a distribution can have."""
    values, vectors = np.linalg.eigh((correlation + correlation.T) / 2)
    root = vectors * np.sqrt(np.clip(values, 1e-9, None))
    normal = np.random.default_rng(seed).standard_normal((DRAWS, pool, len(correlation)), dtype=np.float32)
    found: np.ndarray = normal @ root.T.astype(np.float32)
    return found / np.sqrt((root**2).sum(1)).astype(np.float32)


def _gain(readings: np.ndarray, steps: Sequence[int], counts: Sequence[int]) -> float:
    """Mean truth of the one that is chosen."""
    kept = readings[:, : counts[0]]
    for step, count in zip(steps, counts[1:], strict=False):
        if count < kept.shape[1]:
            top = np.argpartition(-kept[:, :, step], count - 1, axis=1)[:, :count]
            kept = np.take_along_axis(kept, top[:, :, None], axis=1)
    return float(kept[:, :, steps[-1]].max(1).mean())
