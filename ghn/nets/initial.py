"""Random initial weights: where training starts, and the plainest `Weights` of all."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.types import WeightDict


class RandomInit:
    """He-normal weights, the same for the same seed and graph.

    Source: He et al., "Delving Deep into Rectifiers", ICCV 2015, eq. 10.

    Args:
        seed: of the random draw.
        device: where the weights are put; drawn on the CPU, so that every device gets the same.
    """

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.seed = seed
        self.device = torch.device(device)

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """Draws weights for each graph."""
        out = []
        for graph in graphs:
            generator = torch.Generator().manual_seed(self.seed)
            out.append({p.name: draw(p, generator).to(self.device) for p in graph.params()})
        return out


def draw(param: Param, generator: torch.Generator) -> Tensor:
    """Draws an initial value on the CPU."""
    if param.kind == "norm_weight":
        return torch.ones(param.shape)
    if param.kind.endswith("bias"):
        return torch.zeros(param.shape)
    gain = 2.0 if param.kind == "conv_weight" else 1.0
    return torch.randn(param.shape, generator=generator) * (gain / prod(param.shape[1:])) ** 0.5
