"""How strongly one batch pulls at the weights: grad_norm and snip."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ghn.estimators.zerocost.passes import loss_gradients, total
from ghn.graph.ir import Graph
from ghn.types import WeightDict


@torch.enable_grad()
def grad_norm(
    graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Sum over layers of the Euclidean norm of the gradient of the loss.

    Source: Abdelfattah, Mehrotra, Dudziak & Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.

    Raises:
        GraphError: no weights, or activations overflow.
    """
    _, gradients = loss_gradients(graph, weights, images, labels)
    return total([g.norm() for g in gradients])


@torch.enable_grad()
def snip(
    graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Connection sensitivity: sum over weights of |weight * gradient of the loss|.

    Source: Lee, Ajanthan & Torr, "SNIP: Single-Shot Network Pruning Based on Connection Sensitivity", ICLR 2019,
    which then divides by the sum; summed as a score of the network in Abdelfattah et al., ICLR 2021.

    Raises:
        GraphError: no weights, or activations overflow.
    """
    held, gradients = loss_gradients(graph, weights, images, labels)
    return total([(w * g).abs() for w, g in zip(held, gradients, strict=True)])
