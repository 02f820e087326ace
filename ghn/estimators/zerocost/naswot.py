"""NASWOT: can the network tell images apart by which of its units fire?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.estimators.zerocost.passes import outputs
from ghn.graph.ir import Graph
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
    relus = [x for node, x in zip(graph.nodes, every, strict=True) if node.op == "relu"]
    if not relus:
        raise GraphError("the network has no ReLU, so that no unit of it fires or rests")
    return torch.linalg.slogdet(torch.stack([_agreement(x) for x in relus]).sum(0))[1]


def _agreement(x: Float[Tensor, "b ..."]) -> Float[Tensor, "b b"]:
    """For each two images the number of units that fire for both or for neither."""
    fires = (x > 0).flatten(1).to(x.dtype)
    count = fires.sum(1)
    return (fires.shape[1] - count[:, None] - count + 2 * (fires @ fires.T)).double()
