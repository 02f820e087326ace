"""What every proxy does first: a forward pass that is looked over, and the gradients of the loss."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph
from ghn.types import Network, WeightDict

SYNAPSES = ("conv_weight", "linear_weight")  # kinds of parameters that pruning scores look at


def outputs(
    network: Network, weights: WeightDict, images: Float[Tensor, "b c h w"], *, check: bool = True
) -> list[Tensor]:
    """The output of every node, in their order; normalisations use the statistics of the batch.

    Args:
        network: what is run.
        weights: of it.
        images: normalised.
        check: whether activations that overflow raise, for which the device is waited for.

    Raises:
        GraphError: activations overflow, or the images do not fit.
    """
    nodes = network.graph.nodes
    inner = network.program.run(weights, images, [node.name for node in nodes]).inner
    every = [inner[node.name] for node in nodes]
    if check:
        finite = torch.stack([x.detach().sum() for x in every]).isfinite().tolist()  # of each x it took half the pass
        if not all(finite):
            node = nodes[finite.index(False)]
            raise GraphError(f"activations overflow at node {node.name!r} ({node.op})", fix="use smaller weights")
    return every


def activated(graph: Graph, every: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of the non-linearities, out of those of all nodes."""
    return [x for node, x in zip(graph.nodes, every, strict=True) if node.operation.activates]


def leaves(weights: WeightDict) -> WeightDict:
    """The same weights as leaves of a new autograd graph; the caller's are not touched."""
    return {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}


def synapses(graph: Graph, weights: WeightDict) -> list[Tensor]:
    """The weights of convolutions and linear layers: no biases, no normalisations.

    Raises:
        GraphError: there are none.
    """
    found = [weights[p.name] for p in graph.params() if p.kind in SYNAPSES]
    if not found:
        raise GraphError("the network has no weights of convolutions or linear layers, so this proxy says nothing")
    return found


def loss_gradients(
    network: Network,
    weights: WeightDict,
    images: Float[Tensor, "b c h w"],
    labels: Int[Tensor, " b"],
    *,
    create_graph: bool = False,
) -> tuple[list[Tensor], Sequence[Tensor]]:
    """The synapses as leaves, and the gradients of the mean cross-entropy for each; zero where it is not read.

    `create_graph` keeps the gradients differentiable.

    Raises:
        GraphError: no synapses, or activations overflow.
    """
    held = leaves(weights)
    of = synapses(network.graph, held)
    loss = F.cross_entropy(outputs(network, held, images)[-1], labels)
    return of, torch.autograd.grad(loss, of, create_graph=create_graph, materialize_grads=True)


def total(terms: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum over the elements of all tensors."""
    return torch.stack([t.sum() for t in terms]).sum().detach()
