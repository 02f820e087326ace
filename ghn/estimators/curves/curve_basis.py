"""The layer of curve bases: five shapes that are 0 at the end, so that the constant beside them is the final value.

Source: Klein, Falkner, Springenberg & Hutter, ICLR 2017 (basis functions: vapor pressure, power, log power,
exponential, Hill3); their amplitudes are the layer's weights.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BASES = 5
SHAPES = 8  # shape parameters of all bases together


def basis(times: Float[Tensor, " t"], shapes: Float[Tensor, "n 8"]) -> Float[Tensor, "n t 5"]:
    """The bases of each run at some times.

    Args:
        times: in (0, 1]; 1 is the end.
        shapes: unconstrained numbers of the order of 1.
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
