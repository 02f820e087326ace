"""Wider kernels: a ring of zeros around each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F

from ghn.errors import MorphismError
from ghn.graph.ir import Graph
from ghn.graph.morphism.draft import Draft, node_at
from ghn.graph.morphism.network import Network


@dataclass(frozen=True)
class WiderKernel:
    """Makes the kernel of a convolution larger by a ring of zeros, and its padding with it: 1x1, 3x3, 5x5.

    Source: Wei, Wang, Rui & Chen, "Network Morphism", ICML 2016 (kernel size morphing).

    Attributes:
        largest: kernels of this size do not grow.
    """

    largest: int = 7
    source = "Wei et al., Network Morphism, ICML 2016"

    def places(self, graph: Graph) -> list[str]:
        """Convolutions whose kernels can grow."""
        return [n.name for n in graph.nodes if n.op == "conv" and n.attr["kernel"] + 2 <= self.largest]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Widens the kernel of the convolution `place`; `generator` is not used.

        Raises:
            MorphismError: no such convolution, or its kernel is large enough.
        """
        node = node_at(network.graph, place, "conv")
        if node.attr["kernel"] + 2 > self.largest:
            raise MorphismError(
                f"the kernel of {place!r} does not grow further", got=node.attr["kernel"], expected=f"< {self.largest}"
            )
        draft, name = Draft(network.graph), f"{place}/weight"
        attrs = draft[place].attrs
        attrs["kernel"] += 2
        attrs["padding"] += attrs["dilation"]
        return Network(
            draft.build(), {**network.weights, name: F.pad(network.weights[name], (1, 1, 1, 1))}, network.stats
        )
