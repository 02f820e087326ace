"""GraSP: how much of the gradient's flow the weights hold back."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ghn.estimators.zerocost.passes import loss_gradients, total
from ghn.graph.ir import Graph
from ghn.types import WeightDict


@torch.enable_grad()
def grasp(
    graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
) -> Float[Tensor, ""]:
    """Minus the sum over weights of weight * (H g): g the gradient of the loss, H its Hessian.

    To first order, shrinking the weights by a share adds that share of twice the value to the squared norm of the
    gradient. H is never built: H g is the gradient of g . stop(g).

    Source: Wang, Zhang & Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow",
    ICLR 2020; as a score of the network, with this sign, in Abdelfattah et al., ICLR 2021.

    Raises:
        GraphError: no weights, or activations overflow.
    """
    held, gradients = loss_gradients(graph, weights, images, labels, create_graph=True)
    product = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
    if not product.requires_grad:  # a loss that is linear in the weights has no curvature
        return torch.zeros_like(product)
    curved = torch.autograd.grad(product, held, materialize_grads=True)
    return -total([w * h for w, h in zip(held, curved, strict=True)])
