"""Zen-score: how far the features move when the input moves a little, in a network of Gaussian weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.interpreter import feature_node
from ghn.graph.ir import Graph
from ghn.scoring.proxies.passes import SYNAPSES, outputs
from ghn.types import Network, WeightDict

ALPHA = 0.01  # size of the perturbation


class GaussianInit:
    """Weights from N(0, 1), whatever the size of their layer; normalisations at 1, biases at 0.

    Source: Lin et al., "Zen-NAS", ICCV 2021.

    Args:
        seed: of the random draw.
        device: where the weights are put; drawn on the CPU, so that every device gets the same.
    """

    def __init__(self, seed: int = 0, device: torch.device | str = "cpu") -> None:
        self.seed, self.device = seed, torch.device(device)

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """Draws weights for each graph."""
        return [self._draw(graph) for graph in graphs]

    def _draw(self, graph: Graph) -> WeightDict:
        generator = torch.Generator().manual_seed(self.seed)
        drawn: WeightDict = {}
        for p in graph.params():
            constant = torch.ones if p.kind == "norm_weight" else torch.zeros
            weight = torch.randn(p.shape, generator=generator) if p.kind in SYNAPSES else constant(p.shape)
            drawn[p.name] = weight.to(self.device)
        return drawn


@torch.no_grad()
def zen(network: Network, weights: WeightDict, images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Logarithm of the mean |f(x) - f(x + 0.01 e)| plus those of what the normalisations divide by.

    f gives the last feature map; x and e are N(0, 1) of the images' shape, from a seed: no more of `images` is used.
    The second term, with the root of the mean variance over channels, gives back what normalisations take away. Meant
    for weights from `GaussianInit`. The paper removes residual links first; here, where any graph is scored, they stay.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021.

    Raises:
        GraphError: no feature maps before the output, or activations overflow.
    """
    graph = network.graph
    last = feature_node(graph)
    if not last:
        raise GraphError("the network has no feature maps, so that nothing moves with its input")
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(images.shape, generator=generator).to(images) for _ in range(2))
    every, moved = outputs(network, weights, x), outputs(network, weights, x + ALPHA * noise)
    change = (every[last] - moved[last]).abs().sum((1, 2, 3)).mean()
    normed = [every[node.inputs[0]] for node in graph.nodes if node.operation.normalises]
    scales = [fed.var((0, 2, 3), correction=0).mean().sqrt() for fed in normed]
    logs = [change.log(), *(scale.log() for scale in scales if scale > 0)]  # a normalisation of zeros scales nothing
    return torch.stack(logs).sum()
