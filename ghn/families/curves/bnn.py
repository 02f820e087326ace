"""A Bayesian neural network from configurations to curves, with a layer of curve bases, sampled by SGHMC.

Source: Klein, Falkner, Springenberg & Hutter, "Learning Curve Prediction with Bayesian Neural Networks", ICLR 2017.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError
from ghn.families.curves.model import Extrapolator, StandardUnits, condition
from ghn.tables.curves import Curves, Floats

BASES = 5
SHAPES = 8  # shape parameters of all bases together
NOISE = -2.0  # prior mean of the logarithm of the noise, in standard deviations of all accuracies
RUN = -1.0  # the same for the spread of a run's coefficients around its network's
Normal = tuple[Float[Tensor, "n t"], Float[Tensor, "n t t"]]  # means and covariances


def basis(times: Float[Tensor, " t"], shapes: Float[Tensor, "n 8"]) -> Float[Tensor, "n t 5"]:
    """The bases of each run at times in (0, 1]; all are 0 at the end: the constant beside them is the final value.

    Source: Klein et al. 2017 (basis functions: vapor pressure, power, log power, exponential, Hill3); their amplitudes
    are the layer's weights. Shapes are unconstrained numbers of the order of 1.
    """
    at, end = _curves(times, shapes), _curves(torch.ones(1, dtype=times.dtype), shapes)
    return at - end


def _curves(t: Float[Tensor, " t"], shapes: Float[Tensor, "n 8"]) -> Float[Tensor, "n t 5"]:
    a, b, c, d, e, f, g, h = (0.5 * shapes).exp().clamp(1e-3, 20.0).T[:, :, None]
    log_t = t.log()
    return torch.stack(
        [
            (-0.05 * a / t + 0.2 * b * log_t).exp(),  # vapor pressure
            t ** (0.3 * c),  # power
            1 / (1 + (-2 * d * (log_t + e)).exp()),  # log power
            -(-3 * f * t).exp(),  # exponential
            1 / (1 + (0.2 * g / t) ** h),  # Hill3
        ],
        dim=-1,
    )


def sghmc(
    potential: Callable[[Float[Tensor, " p"]], Float[Tensor, ""]],
    start: Float[Tensor, " p"],
    *,
    burn: int,
    samples: int,
    thin: int,
    step: float,
    friction: float = 0.05,
    generator: torch.Generator,
) -> Iterator[Float[Tensor, " p"]]:
    """Draws from exp(-potential), by stochastic gradient Hamiltonian Monte Carlo with adapted scales.

    Source: Chen, Fox & Guestrin, "Stochastic Gradient Hamiltonian Monte Carlo", ICML 2014, eq. 15; Springenberg et al.,
    "Bayesian Optimization with Robust Bayesian Neural Networks", NeurIPS 2016 (scales from the burn-in).

    Args:
        potential: minus the log posterior of parameters, up to a constant.
        start: where to begin.
        burn: steps that are thrown away; they adapt each parameter's scale to the size of its gradients.
        samples: how many to draw, `thin` steps apart.
        thin: see there.
        step: size of a step, in units of the adapted scales.
        friction: share of the momentum lost a step.
        generator: of the noise.
    """
    state, velocity, square = start.clone(), torch.zeros_like(start), torch.ones_like(start)
    for number in range(burn + samples * thin):
        state.requires_grad_(True)
        (gradient,) = torch.autograd.grad(potential(state), state)
        state = state.detach()
        if number < burn:
            square += (gradient**2 - square) / min(number + 1, max(1, burn / 4))
        inverse_mass = step**2 / square.clamp(min=1e-12).sqrt()
        noise = (2 * friction * inverse_mass).sqrt() * torch.randn(state.shape, dtype=state.dtype, generator=generator)
        velocity = (1 - friction) * velocity - inverse_mass * gradient + noise
        state = state + velocity
        if number >= burn and (number - burn + 1) % thin == 0:
            yield state


@dataclass
class CurveBNN(Extrapolator):
    """Features -> asymptote, weights and shapes of five curve bases; the posterior by SGHMC on finished curves.

    A run's asymptote and weights are its network output plus a deviation of its own, normal and integrated out in
    closed form (the last layer is linear). So a run that was never trained on is conditioned on its first epochs
    exactly: each posterior draw gives a normal distribution, and draws count by how well they foretold those epochs.
    The paper trains the network anew with them instead; then a prediction depends on its company, and runs without
    features cannot be told apart.

    Source: Klein, Falkner, Springenberg & Hutter, "Learning Curve Prediction with Bayesian Neural Networks", ICLR 2017
    (learning-curve layer, SGHMC).

    Args:
        width: of the two hidden layers.
        burn, samples, thin, step: see `sghmc`.
        seed: of weights and noise.
    """

    width: int = 32
    burn: int = 600
    samples: int = 50
    thin: int = 10
    step: float = 0.03
    seed: int = 0

    source = "Klein, Falkner, Springenberg & Hutter, Learning Curve Prediction with BNNs, ICLR 2017"
    what = "the Bayesian network"

    def __post_init__(self) -> None:
        if min(self.width, self.burn, self.samples, self.thin) < 1 or self.step <= 0:
            raise ConfigError("settings of the Bayesian network", got=repr(self), expected="positive numbers")

    def fit(self, finished: Curves) -> None:
        super().fit(finished)
        known, self._units = self.known, StandardUnits(self.known)
        x, y, times = self._units.inputs(known), self._units.outputs(known), self._units.times(known.epochs)
        self._net = _Network(x.shape[1], self.width)

        def potential(state: Float[Tensor, " p"]) -> Float[Tensor, ""]:
            mean, covariance = self._net(state, x, times)
            return 0.5 * (state**2).sum() - _log_density(mean, covariance, y).sum()

        generator = torch.Generator().manual_seed(self.seed)
        start = 0.5 * torch.randn(self._net.size, dtype=torch.float64, generator=generator)
        more = {"burn": self.burn, "samples": self.samples, "thin": self.thin}
        self._draws = list(sghmc(potential, start, **more, step=self.step, generator=generator))

    @torch.no_grad()
    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        units, rows = self._units, []
        x, y, times = units.inputs(curves), units.outputs(curves), units.times([*curves.epochs, horizon])
        for draw in self._draws:
            mean, covariance = self._net(draw, x, times)
            seen = _log_density(mean[:, :-1], covariance[:, :-1, :-1], y)
            rows.append((*condition(mean, covariance, y), seen))
        mean, variance, log_weight = (torch.stack(column) for column in zip(*rows, strict=True))  # [draws, n]
        weight = torch.softmax(log_weight, dim=0)
        expected = (weight * mean).sum(dim=0)
        std = ((weight * (variance + mean**2)).sum(dim=0) - expected**2).clamp(min=1e-12).sqrt()
        return units.back(expected, std)


class _Network:
    """The network as a function of all its parameters in one vector, each with a standard normal prior."""

    def __init__(self, inputs: int, width: int) -> None:
        outputs = 1 + BASES + SHAPES
        self.shapes = [(inputs, width), (width,), (width, width), (width,), (width, outputs), (outputs,)]
        self.size = sum(map(math.prod, self.shapes)) + 1 + 1 + BASES  # and noise, spread of each coefficient

    def __call__(self, state: Float[Tensor, " p"], x: Float[Tensor, "n f"], times: Float[Tensor, " t"]) -> Normal:
        """The distribution of the curves of configurations x at times (1 is the end), deviations integrated out."""
        *layers, rest = state.split([*map(math.prod, self.shapes), 2 + BASES])
        weights = [layer.view(shape) for layer, shape in zip(layers, self.shapes, strict=True)]
        hidden = x
        for number in range(0, len(weights), 2):
            hidden = hidden @ weights[number] / weights[number].shape[0] ** 0.5 + weights[number + 1]
            hidden = hidden.tanh() if number < 4 else hidden
        coefficients, shapes = hidden.split([1 + BASES, SHAPES], dim=1)
        design = torch.cat([torch.ones(len(x), len(times), 1, dtype=x.dtype), basis(times, shapes)], dim=2)
        noise, spread = (rest[0] + NOISE).exp(), (rest[1:] + RUN).exp()
        scaled = design * spread
        eye = torch.eye(len(times), dtype=x.dtype)
        covariance = scaled @ scaled.mT + (noise**2 + 1e-6) * eye
        return (design @ coefficients[:, :, None])[..., 0], covariance


def _log_density(mean: Tensor, covariance: Tensor, y: Float[Tensor, "n t"]) -> Float[Tensor, " n"]:
    return torch.distributions.MultivariateNormal(mean, covariance, validate_args=False).log_prob(y)
