"""Stochastic gradient Hamiltonian Monte Carlo with adapted scales.

Source: Chen, Fox & Guestrin, "Stochastic Gradient Hamiltonian Monte Carlo", ICML 2014, eq. 15; Springenberg et al.,
"Bayesian Optimization with Robust Bayesian Neural Networks", NeurIPS 2016 (scales from the burn-in).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor


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
    """Draws from exp(-potential).

    Args:
        potential: minus the log posterior of parameters, up to a constant.
        start: where to begin.
        burn: steps that are thrown away; they adapt each parameter's scale to the size of its gradients.
        samples: how many to draw.
        thin: steps from one to the next.
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
