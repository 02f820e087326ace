"""DARTS's architecture parameters: a distribution over the options of each choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from ghn.spaces.choices import ChoiceSpace
from ghn.types import WeightDict


class Alphas(nn.Module):
    """One number for each option of each choice.

    Source: Liu, Simonyan & Yang 2019, eq. 2: an option weighs as much as the softmax over its edge gives it. Initial
    values are those of the authors' code, 1e-3 times a normal draw.

    Args:
        space: whose options they weigh.
        seed: of the initial values.
    """

    def __init__(self, space: ChoiceSpace, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.values = nn.ParameterList(
            nn.Parameter(1e-3 * torch.randn(len(choice.options), generator=generator)) for choice in space.choices()
        )

    def probabilities(self) -> list[list[float]]:
        """What each option of each choice weighs."""
        return [alpha.detach().softmax(0).tolist() for alpha in self.values]

    def entropies(self) -> list[float]:
        """Entropy of each choice, nats."""
        return [float(-(a.detach().softmax(0) * a.detach().log_softmax(0)).sum()) for a in self.values]


def mixtures(alphas: Sequence[Tensor], choice_of: Mapping[str, int]) -> WeightDict:
    """The weights of a supergraph's mixtures."""
    weights = [alpha.softmax(0) for alpha in alphas]
    return {name: weights[choice] for name, choice in choice_of.items()}
