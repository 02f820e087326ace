"""LEMONADE: evolution of a front of accuracy against cost where it is sparse; children inherit weights."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from math import log
from random import Random
from typing import Generic

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike
from sklearn.neighbors import KernelDensity

from ghn.analysis.front import pareto_front
from ghn.errors import ConfigError, check_counts
from ghn.scoring.latency import Latency
from ghn.search.basic import SpaceSearch
from ghn.search.costs import COSTS, make_cost
from ghn.spaces.members import TRIES, draw_new
from ghn.types import Arch, Score, Space, Trial


def log_density(costs: ArrayLike, at: ArrayLike) -> Float[np.ndarray, " n"]:
    """Logarithm of the density of costs [n] or [n, k], on a logarithmic scale, at some of them: Gaussian kernels.

    Source: kernel width: Scott, "Multivariate Density Estimation", 1992, eq. 6.43: n^(-1/(k+4)) standard deviations.
    """
    known, asked = (np.log(np.asarray(x, float).reshape(len(np.asarray(x)), -1)) for x in (costs, at))
    widths = known.std(0) * len(known) ** (-1 / (known.shape[1] + 4))
    widths[widths == 0] = 1.0
    found: Float[np.ndarray, " n"] = KernelDensity(bandwidth=1.0).fit(known / widths).score_samples(asked / widths)
    return found - float(np.log(widths).sum())


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
    """One network of the front, with its value (high is good) and costs (low is good)."""

    trial: Trial[Arch]
    value: float
    costs: tuple[float, ...]

    @property
    def cost(self) -> float:
        """The first of them."""
        return self.costs[0]


class Lemonade(SpaceSearch[Arch]):
    """Lamarckian evolution towards all trade-offs between a score and cheap costs at once.

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
        objective: the cost, one of `ghn.search.costs.COSTS`, of the live part of the network; or several.
        latency: measures, where latency is among them.
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
        objective: str | Sequence[str] = "params",
        latency: Latency | None = None,
        budget: float | None = None,
    ) -> None:
        check_counts("LEMONADE: ", founders=founders, proposals=proposals, children=children)
        if children > proposals:
            raise ConfigError(
                "LEMONADE trains children that are chosen among its proposals",
                got=f"proposals={proposals}, children={children}",
            )
        numbers = {"founders": founders, "proposals": proposals, "children": children}
        names = [objective] if isinstance(objective, str) else list(objective)
        self.costs = [make_cost(name, space, latency) for name in names]
        if not names or len(set(names)) < len(names):
            raise ConfigError("LEMONADE needs cheap objectives, each once", got=names, expected=" | ".join(COSTS))
        super().__init__("lemonade", space, seed, budget, **numbers, objective=names[0] if len(names) == 1 else names)
        if "latency" in names:
            self.identity["latency"] = self.costs[names.index("latency")].identity
        self._founders, self._proposals, self._children = founders, proposals, children
        self.front: list[Member[Arch]] = []
        self._queue = deque[tuple[Arch, str | None]]()  # each with the id of its parent's trial

    def _next(self) -> Trial[Arch] | None:
        if not self._queue and not self._awaited:
            self._breed()
        return self._trial(*self._queue.popleft()) if self._queue else None

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        """Puts a success on the front, if nothing there dominates it, and takes off what it dominates."""
        if score.ok:
            every = [*self.front, Member(trial, score.value, self._costs_of(trial.arch))]
            self.front = [every[i] for i in pareto_front([(m.value, *m.costs) for m in every])]

    def _breed(self) -> None:
        """Queues the next generation."""
        if not self.front:
            drawn = (draw_new(self._space, self._rng, self._seen) for _ in range(self._founders))
            self._queue.extend((arch, None) for arch in drawn if arch is not None)
            return
        costs = [member.costs for member in self.front]
        proposed = self._propose(log_density(costs, costs))
        if not proposed:
            return
        density = log_density(costs, [self._costs_of(arch) for arch, _ in proposed.values()])
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

    def _costs_of(self, arch: Arch) -> tuple[float, ...]:
        return tuple(cost(arch) for cost in self.costs)
