"""Fisher: what the loss would feel if a channel were left out."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from ghn.estimators.zerocost.passes import leaves, outputs, synapses, total
from ghn.graph.ir import Graph
from ghn.types import WeightDict


@torch.enable_grad()
def fisher(
    graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Sum over the outputs of convolutions and linear layers, and their channels, of the second-order estimate of the
    change in loss when the channel is set to zero.

    With activations a and gradients g of each image's own loss: `1/(2b) sum over images of (sum over pixels of a g)^2`.

    Source: Theis, Korshunova, Tejani & Huszar, "Faster gaze prediction with dense networks and Fisher pruning",
    arXiv 1801.05787, 2018; Turner et al., "BlockSwap", ICLR 2020; Abdelfattah et al., ICLR 2021.

    Raises:
        GraphError: no weights, or activations overflow.
    """
    held = leaves(weights)
    synapses(graph, held)
    every = outputs(graph, held, images)
    of = [every[i] for i, node in enumerate(graph.nodes) if node.op in ("conv", "linear")]
    loss = F.cross_entropy(every[-1], labels, reduction="sum")
    gradients = torch.autograd.grad(loss, of, materialize_grads=True)
    per_image = [reduce(a * g, "b c ... -> b c", "sum") for a, g in zip(of, gradients, strict=True)]
    return total([x.square().mean(0) / 2 for x in per_image])
