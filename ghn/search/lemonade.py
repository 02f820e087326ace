"""LEMONADE: evolution of a front of accuracy against cost where it is sparse; children inherit weights."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import log
from random import Random
from typing import Any, Generic

import numpy as np
from jaxtyping import Float
from sklearn.neighbors import KernelDensity

from ghn.analysis.front import pareto_front
from ghn.errors import ConfigError
from ghn.search.basic import SpaceSearch
from ghn.spaces.members import TRIES, draw_new, live_params, live_stats
from ghn.types import Arch, Score, Space, Trial

COSTS: dict[str, Callable[[Space[Any], Any], int]] = {
    "params": live_params,
    "macs": lambda space, arch: live_stats(space, arch).macs,
}


def cost_of(name: str) -> Callable[[Space[Any], Any], int]:
    """A cheap objective by name."""
    if name not in COSTS:
        raise ConfigError("unknown cheap objective", got=name, expected=" | ".join(COSTS))
    return COSTS[name]


def log_density(costs: Sequence[float], at: Sequence[float]) -> Float[np.ndarray, " n"]:
    """Logarithm of the density of costs, on a logarithmic scale, at some of them: Gaussian kernels.

    Source: kernel width: Scott, "Multivariate Density Estimation", 1992, n^(-1/5) standard deviations.
    """
    known, asked = (np.log(np.asarray(x, float))[:, None] for x in (costs, at))
    width = float(known.std()) * len(known) ** -0.2
    return KernelDensity(bandwidth=width or 1.0).fit(known).score_samples(asked)


def draw_sparse(rng: Random, density: Float[np.ndarray, " n"], count: int) -> list[int]:
    """Draws `count` different indices (or all there are), each in proportion to one over exp(density).

    Adding noise of a Gumbel distribution to the logarithms of the weights and taking the largest draws in proportion to
    the weights, without replacement, and does not overflow where the density is as good as zero.

    Source: Efraimidis & Spirakis, "Weighted Random Sampling with a Reservoir", 2006 (the same draw in another form).
    """
    keys = [-value - log(-log(rng.random() or 0.5)) for value in density]
    return sorted(range(len(keys)), key=lambda i: -keys[i])[:count]


@dataclass(frozen=True)
class Member(Generic[Arch]):
    """One network of the front, with its value (high is good) and cost (low is good)."""

    trial: Trial[Arch]
    value: float
    cost: float


class Lemonade(SpaceSearch[Arch]):
    """Lamarckian evolution towards all trade-offs between a score and a cheap cost at once.

    The population is the Pareto front of all successes. A generation: parents are drawn from the front where it is
    sparse in cost, in proportion to one over a kernel density of it; each gives a random neighbour whose function is
    new; of these proposals, which cost nothing, those that are to be trained are drawn where the front is sparse, too.
    A child's trial resumes its parent's, so that an estimator that honours `Trial.resume` across architectures
    (`MorphismEstimator`) hands its weights on. The first generation is drawn at random and resumes nothing.

    The next generation is drawn when all scores of this one are in: workers wait for each other once a generation. The
    search is finished when no new function is found around the front.

    Source: Elsken, Metzen & Hutter, "Efficient Multi-Objective Neural Architecture Search via Lamarckian Evolution",
    ICLR 2019, algorithm 1 (n_pc is `proposals`, n_ac is `children`). There founders are simple networks made
    by hand; a child is a neighbour here, and a morphism of any kind there.

    Args:
        space: to search.
        seed: of all draws.
        founders: networks of the first generation.
        proposals: children proposed a generation.
        children: of these, how many are trained.
        objective: the cost: `params` or `macs`, of the live part of the network.
        budget: of every trial, in the estimator's unit; None for its default.

    Attributes:
        front: the best trade-offs so far, from the cheapest up.
        inherits: trials resume trials of other architectures.

    Raises:
        ConfigError: a number out of range, or an unknown objective.
    """

    source = "Elsken et al., LEMONADE, ICLR 2019"
    inherits = True

    def __init__(
        self,
        space: Space[Arch],
        seed: int = 0,
        *,
        founders: int = 10,
        proposals: int = 40,
        children: int = 10,
        objective: str = "params",
        budget: float | None = None,
    ) -> None:
        if founders < 1 or not 1 <= children <= proposals:
            raise ConfigError(
                "LEMONADE needs founders, and proposals of which at least one and at most all are trained",
                got=f"founders={founders}, proposals={proposals}, children={children}",
            )
        numbers = {"founders": founders, "proposals": proposals, "children": children}
        super().__init__("lemonade", space, seed, budget, **numbers, objective=objective)
        self._founders, self._proposals, self._children = founders, proposals, children
        self.objective, self._count = objective, cost_of(objective)
        self._costs: dict[Arch, float] = {}
        self.front: list[Member[Arch]] = []
        self._queue = deque[tuple[Arch, str | None]]()  # each with the id of its parent's trial

    def _next(self) -> Trial[Arch] | None:
        if not self._queue and not self._awaited:
            self._breed()
        return self._trial(*self._queue.popleft()) if self._queue else None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        """Puts a success on the front, if nothing there dominates it, and takes off what it dominates."""
        if score.ok:
            every = [*self.front, Member(trial, score.value, self._cost(trial.arch))]
            self.front = [every[i] for i in pareto_front([(m.value, m.cost) for m in every])]

    def _breed(self) -> None:
        """Queues the next generation."""
        if not self.front:
            drawn = (draw_new(self._space, self._rng, self._seen) for _ in range(self._founders))
            self._queue.extend((arch, None) for arch in drawn if arch is not None)
            return
        costs = [member.cost for member in self.front]
        proposed = self._propose(log_density(costs, costs))
        if not proposed:
            return
        density = log_density(costs, [self._cost(arch) for arch, _ in proposed.values()])
        keys = list(proposed)
        for i in draw_sparse(self._rng, density, self._children):
            self._seen.add(keys[i])
            self._queue.append(proposed[keys[i]])

    def _propose(self, density: Float[np.ndarray, " n"]) -> dict[Hashable, tuple[Arch, str]]:
        """Children of new functions, by function, each with the id of its parent's trial."""
        proposed: dict[Hashable, tuple[Arch, str]] = {}
        for _ in range(TRIES):
            (which,) = draw_sparse(self._rng, density, 1)
            parent = self.front[which].trial
            arch = self._rng.choice(list(self._space.neighbours(parent.arch)))
            if (key := self._space.canonical(arch)) not in self._seen:
                proposed.setdefault(key, (arch, parent.id))
            if len(proposed) == self._proposals:
                break
        return proposed

    def _cost(self, arch: Arch) -> float:
        if arch not in self._costs:
            self._costs[arch] = self._count(self._space, arch)
        return self._costs[arch]
