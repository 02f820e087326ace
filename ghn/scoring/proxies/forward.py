"""NASWOT: can the network tell images apart by which of its units fire?

Jacobian covariance: does the network respond to each image in a way of its own?
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph
from ghn.scoring.proxies.passes import outputs
from ghn.types import WeightDict


@torch.no_grad()
def naswot(graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Logarithm of the determinant of the kernel of images, which counts the units that fire for both or for neither.

    Minus infinity where two images have one code.

    Source: Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", ICML 2021.

    Raises:
        GraphError: no ReLU, or activations overflow.
    """
    every = outputs(graph, weights, images)
    relus = [x for node, x in zip(graph.nodes, every, strict=True) if node.operation.activates]
    if not relus:
        raise GraphError("the network has no ReLU, so that no unit of it fires or rests")
    return torch.linalg.slogdet(torch.stack([_agreement(x) for x in relus]).sum(0))[1]


def _agreement(x: Float[Tensor, "b ..."]) -> Float[Tensor, "b b"]:
    """For each two images the number of units that fire for both or for neither."""
    fires = (x > 0).flatten(1).to(x.dtype)
    count = fires.sum(1)
    return (fires.shape[1] - count[:, None] - count + 2 * (fires @ fires.T)).double()


# --- Jacobian covariance: does the network respond to each image in a way of its own? ---

EPSILON = 1e-5  # the paper's k


@torch.enable_grad()
def jacob_cov(graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Minus the Kullback-Leibler divergence, up to constants, from no correlation between the images' Jacobians.

    With the eigenvalues s of the correlation matrix of d(sum of outputs)/d(image): `-sum(log(s + k) + 1/(s + k))`.

    Source: Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", arXiv 2006.04647v1, 2020;
    named jacob_cov in Abdelfattah et al., ICLR 2021.

    Raises:
        GraphError: the output does not respond to an image, or activations overflow.
    """
    x = images.detach().clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(outputs(graph, weights, x)[-1].sum(), x, materialize_grads=True)
    rows = jacobian.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not (norms > 0).all():
        raise GraphError("the output does not respond to the images, so that there is no Jacobian to correlate")
    rows = rows / norms
    values = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0) + EPSILON
    return -(values.log() + 1 / values).sum()
