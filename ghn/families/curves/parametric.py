"""A weighted ensemble of eleven parametric families, by least squares or by MCMC.

Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ghn.errors import ConfigError, check_known
from ghn.extras import need
from ghn.families.curves.functions import FAMILIES, Family
from ghn.families.curves.model import FEWEST_FINISHED, Block, Extrapolator
from ghn.tables.curves import Curves, Floats

CHUNK = 25  # curves fitted at once, which bounds memory
MEASURED = {"least_squares": 200, "mcmc": 40}  # finished curves on which errors are measured, at most, by mode
LOST, FALLEN = 0.5, 0.1  # a curve has collapsed that lost more than this share of its gain, and this much accuracy
FLOOR = 1e-3  # standard deviation of accuracies that no validation set of thousands of images goes below
SIGMA = (1e-4, 0.5)  # bounds of the noise, an accuracy
WEIGHT = (0.0, 1.0)  # bounds of a family's weight
SIZES = [len(family.bounds) for family in FAMILIES]
BOUNDS = np.array([*(b for family in FAMILIES for b in family.bounds), *[WEIGHT] * len(FAMILIES), np.log(SIGMA)])


@dataclass(frozen=True)
class Chain:
    """How long to sample."""

    walkers: int = 100  # of the ensemble; an even number, at least twice the 48 parameters
    steps: int = 500  # of each walker after the burn-in
    burn: int = 500  # steps that are thrown away
    thin: int = 10  # every so many steps are kept
    seed: int = 0  # of the sampler; the same for every curve, so that company does not matter

    def __post_init__(self) -> None:
        if self.walkers % 2 or self.walkers < 2 * len(BOUNDS):
            raise ConfigError("walkers", got=self.walkers, expected=f"an even number of at least {2 * len(BOUNDS)}")
        if min(self.steps, self.thin) < 1 or self.burn < 0 or self.thin > self.steps:
            raise ConfigError("steps, burn, thin of a chain", got=repr(self), expected="1 <= thin <= steps, burn >= 0")


@dataclass
class ParametricEnsemble(Extrapolator):
    """Fits all families to each curve and weighs what they say of its end.

    `least_squares` is a quick approximation of the paper's posterior: flat priors over each family's grid, noise from
    the best fit, families weighed by the Bayesian information criterion; `std` has the spread inside and between
    families, and the noise. `mcmc` is the paper's: emcee over all parameters, weights and the noise. In both, a curve
    that ends below its beginning, or outside [0, 1], has no probability. Each curve is fitted alone. One that has
    collapsed is a failure: no family falls.

    The posterior knows nothing of what no family can do, such as to rise again where the learning rate is annealed. So
    its intervals are not believed: with finished curves, these are forecast from as many epochs, and the mean and the
    spread of the errors made there correct the forecast and are its `std`. Without them `std` is unknown.

    Source: Domhan, Springenberg & Hutter, IJCAI 2015, sec. 3; Schwarz, "Estimating the Dimension of a Model", 1978;
    errors of forecasts that were made without the end: Barber et al., "Predictive Inference with the Jackknife+",
    Annals of Statistics 2021, sec. 3.

    Args:
        mode: `least_squares` or `mcmc`.
        chain: of the sampler.
        spread: `held_out`, of errors on finished curves; or `posterior`, the paper's own, which learns from no other
            curve, and whose intervals are much too narrow where curves are annealed.
    """

    mode: str = "least_squares"
    chain: Chain = field(default_factory=Chain)
    spread: str = "held_out"
    _errors: dict[tuple[int, ...], tuple[float, float]] = field(default_factory=dict, init=False, repr=False)

    source = "Domhan, Springenberg & Hutter, Extrapolation of Learning Curves, IJCAI 2015"
    needs_finished = False
    least_epochs = 4  # one more than the parameters of the smaller half of the families

    def __post_init__(self) -> None:
        check_known("mode of the parametric ensemble", self.mode, ("least_squares", "mcmc"))
        check_known("spread of the parametric ensemble", self.spread, ("held_out", "posterior"))

    def fit(self, finished: Curves) -> None:
        """Keeps finished curves, to measure errors on; with `spread="posterior"` there is nothing to learn."""
        if self.spread == "held_out":
            super().fit(finished)
            self._errors = {}

    def _problems(self, observed: Curves) -> list[str | None]:
        known, lengths = super()._problems(observed), observed.lengths
        each = zip(known, observed.val_accuracy, lengths, strict=True)
        return [why or _collapse(values[:length], observed.epochs) for why, values, length in each]

    def _block(self, curves: Curves, horizon: int) -> Block:
        forecast = self._forecast(curves, horizon)
        if self.spread == "posterior":
            return forecast
        if self._finished is None:
            return forecast[0], np.full(len(curves), np.nan)
        key = (*curves.epochs, horizon)
        if key not in self._errors:
            self._errors[key] = self._measured(self._finished.at(key))
        error, std = self._errors[key]
        return np.clip(forecast[0] + error, 0, 1), np.full(len(curves), std)

    def _forecast(self, curves: Curves, horizon: int) -> Block:
        """What the fits to each curve say."""
        x, y = np.array(curves.epochs, dtype=float), curves.val_accuracy
        if self.mode == "mcmc":
            samples = np.stack([sample_ensemble(x, row, horizon, self.chain) for row in y])
            return samples.mean(axis=1), samples.std(axis=1), samples
        parts = [least_squares(x, y[start : start + CHUNK], horizon) for start in range(0, len(y), CHUNK)]
        mean, std = (np.concatenate(column) for column in zip(*parts, strict=True))
        return mean, std

    def _measured(self, known: Curves) -> tuple[float, float]:
        """Mean error of forecasts of the last epoch of finished curves from the others, and the spread of a new one."""
        most = MEASURED[self.mode]
        known = known.rows(np.sort(np.random.default_rng(0).permutation(len(known))[:most]))
        seen = known.at(known.epochs[:-1])
        index = [row for row, why in enumerate(self._problems(seen)) if why is None]
        forecast = self._forecast(seen.rows(index), known.epochs[-1])[0] if index else np.zeros(0)
        errors = known.val_accuracy[index, -1] - forecast
        errors = errors[np.isfinite(errors)]
        if len(errors) < FEWEST_FINISHED:
            return 0.0, np.nan
        return float(errors.mean()), float(errors.std(ddof=1) * np.sqrt(1 + 1 / len(errors)))


def _collapse(seen: Floats, epochs: Sequence[int]) -> str | None:
    """Why a curve [t] has collapsed: it has lost most of what it had gained, and much; None where it has not."""
    best = int(seen.argmax())
    lost, gained = seen[best] - seen[-1], seen[best] - seen[: best + 1].min()
    if lost <= max(LOST * gained, FALLEN):
        return None
    after = f"{seen[best]:g} after epoch {epochs[best]} to {seen[-1]:g} after epoch {epochs[len(seen) - 1]}"
    return f"collapsed: val_accuracy fell from {after}, and no family of curves falls"


def least_squares(x: Floats, y: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Mean and standard deviation at the horizon, [n] each, of curves y [n, t] at epochs x [t]; NaN where none fits."""
    points, ends = len(x), np.array([x[0], horizon])
    errors, finals = [], []  # of each family, [g, n]; an error is infinite where the prior is zero
    for family in FAMILIES:
        if len(family.bounds) >= points:
            continue  # it would go through all points and tell nothing of the noise
        linear = family.fit(x, y)
        first, last = np.moveaxis(family.values(ends, linear), -1, 0)
        residual = family.values(x, linear) - y
        error = np.einsum("gnt,gnt->gn", residual, residual)
        errors.append(np.where((last >= 0) & (last <= 1) & (last > first), error, np.inf))
        finals.append(last)
    sizes = np.array([len(f.bounds) for f in FAMILIES if len(f.bounds) < points])
    smallest = np.stack([error.min(axis=0) for error in errors])  # [k, n]
    noise = np.maximum((smallest / (points - sizes)[:, None]).min(axis=0), FLOOR**2)
    failed = ~np.isfinite(noise)
    noise = np.where(failed, 1.0, noise)
    weights = np.exp(-0.5 * (smallest / noise + sizes[:, None] * np.log(points)))
    weights /= np.where(failed, 1.0, weights.sum(axis=0))
    mean, square = np.zeros(len(y)), np.zeros(len(y))
    for error, final, best, weight in zip(errors, finals, smallest, weights, strict=True):
        inside = np.exp(-0.5 * (error - np.where(np.isfinite(best), best, 0.0)) / noise)
        inside *= weight / np.maximum(inside.sum(axis=0), 1e-300)
        mean += (inside * final).sum(axis=0)
        square += (inside * final**2).sum(axis=0)
    std = np.sqrt(np.maximum(square - mean**2, 0.0) + noise)
    return np.where(failed, np.nan, mean), np.where(failed, np.nan, std)


def sample_ensemble(x: Floats, y: Floats, horizon: float, chain: Chain) -> Floats:
    """Draws of the accuracy at the horizon, noise included, [samples]; NaN where no start has a probability.

    Source: Foreman-Mackey et al., "emcee: The MCMC Hammer", PASP 2013; moves: ter Braak, "A Markov Chain Monte Carlo
    version of the genetic algorithm Differential Evolution", 2006.

    Args:
        x: epochs, [t].
        y: accuracies, [t].
        horizon: the epoch to be predicted.
        chain: how long to sample.
    """
    emcee = need("emcee", "curves", "mode=mcmc")
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
