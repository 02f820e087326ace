"""The posterior of the weighted ensemble of families, by an ensemble sampler.

Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3; Foreman-Mackey et al., "emcee: The MCMC Hammer",
PASP 2013; moves: ter Braak, "A Markov Chain Monte Carlo version of the genetic algorithm Differential Evolution", 2006.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ghn.errors import ConfigError
from ghn.estimators.curves.data import Floats
from ghn.estimators.curves.families import FAMILIES, Family
from ghn.estimators.curves.model import need_extra

SIGMA = (1e-4, 0.5)  # bounds of the noise, an accuracy
WEIGHT = (0.0, 1.0)  # bounds of a family's weight
SIZES = [len(family.bounds) for family in FAMILIES]
BOUNDS = np.array([*(b for family in FAMILIES for b in family.bounds), *[WEIGHT] * len(FAMILIES), np.log(SIGMA)])


@dataclass(frozen=True)
class Chain:
    """How long to sample.

    Attributes:
        walkers: of the ensemble; an even number, at least twice the 48 parameters.
        steps: of each walker after the burn-in.
        burn: steps that are thrown away.
        thin: every so many steps are kept.
        seed: of the sampler; the same for every curve, so that company does not matter.
    """

    walkers: int = 100
    steps: int = 500
    burn: int = 500
    thin: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        if self.walkers % 2 or self.walkers < 2 * len(BOUNDS):
            raise ConfigError("walkers", got=self.walkers, expected=f"an even number of at least {2 * len(BOUNDS)}")
        if min(self.steps, self.thin) < 1 or self.burn < 0 or self.thin > self.steps:
            raise ConfigError("steps, burn, thin of a chain", got=repr(self), expected="1 <= thin <= steps, burn >= 0")


def sample_ensemble(x: Floats, y: Floats, horizon: float, chain: Chain) -> Floats:
    """Draws of the accuracy at the horizon, noise included, [samples]; NaN where no start has a probability.

    Args:
        x: epochs, [t].
        y: accuracies, [t].
        horizon: the epoch to be predicted.
        chain: how long to sample.

    Raises:
        MissingExtraError: emcee is not installed.
    """
    emcee = need_extra("emcee", "mode=mcmc")
    rng = np.random.default_rng(chain.seed)
    kept = chain.walkers * (chain.steps // chain.thin)
    points = np.concatenate([x, [x[0], horizon]])

    def log_probability(state: Floats) -> Floats:
        inside = ((state >= BOUNDS[:, 0]) & (state <= BOUNDS[:, 1])).all(axis=1)
        out = np.full(len(state), -np.inf)
        out[inside] = _log_posterior(state[inside], points, y)
        return out

    start = _start(x, y, points, chain.walkers, rng)
    if not np.isfinite(log_probability(start)).all():
        return np.full(kept, np.nan)
    # emcee's stretch moves hardly mix in so many dimensions; differential evolution does
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    sampler = emcee.EnsembleSampler(chain.walkers, len(BOUNDS), log_probability, moves=moves, vectorize=True)
    first = emcee.State(start, random_state=np.random.RandomState(chain.seed).get_state())
    state = sampler.run_mcmc(first, chain.burn) if chain.burn else first
    sampler.reset()
    sampler.run_mcmc(state, chain.steps)
    draws = sampler.get_chain(thin=chain.thin, flat=True)
    final = ensemble(draws, np.array([horizon]))[:, 0]
    return final + np.exp(draws[:, -1]) * rng.standard_normal(len(final))


def ensemble(state: Floats, x: Floats) -> Floats:
    """The weighted sum of the families, [s, t], of parameters [s, d] at epochs [t]."""
    weights = state[:, sum(SIZES) : -1]
    total, place = np.zeros((len(state), len(x))), 0
    for k, (family, size) in enumerate(zip(FAMILIES, SIZES, strict=True)):
        own = tuple(state[:, place + i, None] for i in range(size))
        total += weights[:, k, None] * family.curve(x, own)
        place += size
    return total


def _log_posterior(state: Floats, points: Floats, y: Floats) -> Floats:
    with np.errstate(all="ignore"):  # parameters at the edge of their bounds overflow to curves that are then refused
        values = ensemble(state, points)
    fitted, first, last = values[:, :-2], values[:, -2], values[:, -1]
    log_sigma = state[:, -1]
    log_likelihood = -0.5 * ((fitted - y) ** 2).sum(axis=1) * np.exp(-2 * log_sigma) - len(y) * log_sigma
    allowed = (last >= 0) & (last <= 1) & (first < last) & np.isfinite(log_likelihood)
    return np.where(allowed, log_likelihood, -np.inf)


def _start(x: Floats, y: Floats, points: Floats, walkers: int, rng: np.random.Generator) -> Floats:
    """Walkers close around each family's own best fit, all with equal weights; those outside the prior drawn closer."""
    fits = [_best_inside(family, x, y, points[-2:]) for family in FAMILIES]
    share = 1 / len(FAMILIES)
    residual = y - sum(share * family.curve(x, tuple(fit)) for family, fit in zip(FAMILIES, fits, strict=True))
    log_sigma = np.log(max(float(np.std(residual)), 10 * SIGMA[0]))
    centre = np.concatenate([*fits, np.full(len(FAMILIES), share), [log_sigma]])
    centre = np.clip(centre, BOUNDS[:, 0] + 1e-6, BOUNDS[:, 1] - 1e-6)
    state, scale = np.empty((walkers, len(centre))), 0.01
    bad = np.ones(walkers, dtype=bool)
    while bad.any() and scale > 1e-6:
        noise = scale * np.maximum(np.abs(centre), 1e-2) * rng.standard_normal((int(bad.sum()), len(centre)))
        state[bad] = np.clip(centre + noise, BOUNDS[:, 0], BOUNDS[:, 1])
        bad, scale = ~np.isfinite(_log_posterior(state, points, y)), scale / 2
    return state


def _best_inside(family: Family, x: Floats, y: Floats, ends: Floats) -> Floats:
    """The parameters of the grid's best fit that the prior allows, [p]; of the best of all where it allows none."""
    linear = family.fit(x, y[None])
    first, last = np.moveaxis(family.values(ends, linear)[:, 0], -1, 0)
    error = ((family.values(x, linear)[:, 0] - y) ** 2).sum(axis=-1)
    parameters, bounds = np.stack(family.parameters(linear[:, 0], family.grid), axis=-1), np.array(family.bounds)
    inside = ((parameters >= bounds[:, 0]) & (parameters <= bounds[:, 1])).all(axis=1)
    best = int(np.where(inside & (first < last) & (last <= 1), error, error + 1e3).argmin())
    return np.clip(parameters[best], bounds[:, 0], bounds[:, 1])
