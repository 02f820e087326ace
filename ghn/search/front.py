"""Fronts of two objectives, a value to be high and a cost to be low, and where on them it is sparse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log
from random import Random

import numpy as np
from jaxtyping import Float
from sklearn.neighbors import KernelDensity

from ghn.errors import ConfigError
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.graph.stats import graph_stats

COSTS: dict[str, Callable[[Graph], int]] = {  # of the live part of a network
    "params": lambda graph: graph_stats(simplify(graph)).params,
    "macs": lambda graph: graph_stats(simplify(graph)).macs,
}


def cost_of(name: str) -> Callable[[Graph], int]:
    """A cheap objective by name.

    Raises:
        ConfigError: there is none of this name.
    """
    if name not in COSTS:
        raise ConfigError("unknown cheap objective", got=name, expected=" | ".join(COSTS))
    return COSTS[name]


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (value, cost) that no other dominates, from the cheapest up; of equal points all.

    One dominates another when its value is not lower and its cost is not higher, and not both are equal.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0]))
    front: list[int] = []
    for i in order:
        if not front or points[i][0] > points[front[-1]][0] or points[i] == points[front[-1]]:
            front.append(i)
    return front


def log_density(costs: Sequence[float], at: Sequence[float]) -> Float[np.ndarray, " n"]:
    """Logarithm of the density of costs, on a logarithmic scale, at some of them: Gaussian kernels.

    Source: kernel width: Scott, "Multivariate Density Estimation", 1992, n^(-1/5) standard deviations.

    Args:
        costs: positive, at least one.
        at: where to give it.
    """
    known, asked = (np.log(np.asarray(x, float))[:, None] for x in (costs, at))
    width = float(known.std()) * len(known) ** -0.2
    return KernelDensity(bandwidth=width or 1.0).fit(known).score_samples(asked)


def draw_sparse(rng: Random, density: Float[np.ndarray, " n"], count: int) -> list[int]:
    """Draws `count` different indices (or all there are), each in proportion to one over its density.

    Adding noise of a Gumbel distribution to the logarithms of the weights and taking the largest draws in proportion to
    the weights, without replacement, and does not overflow where the density is as good as zero.

    Source: Efraimidis & Spirakis, "Weighted Random Sampling with a Reservoir", 2006 (the same draw in another form).

    Args:
        rng: of the draw.
        density: its logarithm.
        count: how many.
    """
    keys = [-value - log(-log(rng.random() or 0.5)) for value in density]
    return sorted(range(len(keys)), key=lambda i: -keys[i])[:count]
