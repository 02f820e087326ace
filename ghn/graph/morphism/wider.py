"""Net2WiderNet: more channels, each a copy of an old one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ghn.errors import ConfigError, MorphismError
from ghn.graph.ir import Graph
from ghn.graph.morphism.channels import Channels, depthwise, reindex
from ghn.graph.morphism.draft import node_at
from ghn.graph.morphism.network import Network


@dataclass(frozen=True)
class Wider:
    """Copies channels of a convolution or linear layer drawn at random, and divides what reads them by the copies.

    Whatever is tied to these channels is widened with them: normalisations with their running statistics, every term of
    the sums that they enter, and all that reads these. Copies are alike and stay so when trained; `noise` tells them
    apart, at the price of a function that is kept no more than nearly.

    Source: Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016 (Net2WiderNet).

    Attributes:
        factor: new by old number of channels, above 1; at least one channel is added.
        noise: standard deviation of what is added to the weights of copies, as a share of that of the layer's weights.
    """

    factor: float = 1.5
    noise: float = 0.0
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if not self.factor > 1 or self.noise < 0:
            raise ConfigError(
                "widening needs a factor above 1 and a noise of at least 0", got=(self.factor, self.noise)
            )

    def places(self, graph: Graph) -> list[str]:
        """Convolutions and linear layers whose channels can grow."""
        channels = Channels(graph)
        return [n.name for n in graph.nodes if n.op in ("conv", "linear") and _can_change(channels, n.name)]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Widens the layer `place`, and what is tied to it.

        Raises:
            MorphismError: no such layer, or its channels are tied to the images, the output or groups.
        """
        node_at(network.graph, place, "conv", "linear")
        channels = Channels(network.graph)
        classes = channels.may_change(place)
        extra = max(1, round((self.factor - 1) * len(classes)))
        drawn = torch.randint(len(classes), (extra,), generator=generator).numpy()
        copies = 1 + np.bincount(classes[drawn], minlength=channels.count())
        kept = [np.repeat(np.arange(len(own)), copies[own]) for own in channels.of]
        share = [np.repeat(1 / copies[own], copies[own]) for own in channels.of]
        wide = reindex(network, kept, share)
        return self._told_apart(wide, kept, generator) if self.noise else wide

    def _told_apart(self, wide: Network, kept: list[np.ndarray], generator: torch.Generator) -> Network:
        """Noise on all but the first copy of each channel, where a layer makes it."""
        weights, graph = dict(wide.weights), wide.graph
        for i, node in enumerate(graph.nodes):
            if node.op not in ("conv", "linear"):
                continue
            again = torch.from_numpy(np.diff(kept[i], prepend=-1) == 0)
            old = weights[f"{node.name}/weight"]
            scale = self.noise * float((old[~again] if depthwise(graph, i) else old).std(correction=0))
            noise = scale * torch.randn(old.shape, generator=generator) * again.view(-1, *[1] * (old.ndim - 1))
            weights[f"{node.name}/weight"] = old + noise.to(old)
        return Network(graph, weights, wide.stats)


def _can_change(channels: Channels, place: str) -> bool:
    try:
        channels.may_change(place)
    except MorphismError:
        return False
    return True
