"""Random initial weights: where training starts, and the plainest `Weights` of all."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.nets.kinds import initial_of
from ghn.types import WeightDict


class RandomInit:
    """He-normal weights, the same for the same seed and graph.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10.

    Args:
        seed: of the random draw.
        device: where the weights are put; drawn on the CPU, so that every device gets the same.
    """

    scaled = True

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.seed, self.device = seed, torch.device(device)

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        out = []
        for graph in graphs:
            generator = torch.Generator().manual_seed(self.seed)
            out.append({p.name: draw(p, generator, scaled=self.scaled).to(self.device) for p in graph.params()})
        return out


class GaussianInit(RandomInit):
    """Weights from N(0, 1), whatever the size of their layer; normalisations at 1, biases at 0.

    Source: Lin et al., "Zen-NAS", ICCV 2021.
    """

    scaled = False


def draw(param: Param, generator: torch.Generator, *, scaled: bool = True) -> Tensor:
    """Draws an initial value on the CPU, of the deviation that suits its kind or, where it is not `scaled`, of 1.

    Normalisations, scales and scalars start at 1 and biases at 0. On the device `meta`, where only shapes are looked
    at, nothing is drawn.
    """
    if torch.get_default_device().type == "meta":
        return torch.empty(param.shape)
    start = initial_of(param.kind)
    if isinstance(start, float):
        return torch.full(param.shape, start)
    drawn = torch.randn(param.shape, generator=generator)
    return drawn * start(param.shape) if scaled else drawn
