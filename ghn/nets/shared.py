"""A bank with what chooses paths through it: what ENAS and DARTS train."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ghn.graph.ir import Graph
from ghn.nets.bank import Bank
from ghn.types import WeightDict


class SharedSearch(nn.Module):
    """Makes weights as its bank does; `policy` is trained beside it.

    Args:
        bank: the shared weights.
        policy: a controller or architecture parameters.
    """

    def __init__(self, bank: Bank, policy: nn.Module) -> None:
        super().__init__()
        self.bank, self.policy = bank, policy

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """The bank's weights for each graph."""
        return self.bank(graphs)
