"""Proxies that go back through the network: how strongly one batch pulls at it.

grad_norm, snip, GraSP and Fisher read the gradient of the loss; jacob_cov that of the outputs for the images; SynFlow
how much can flow from input to output through the weights, whatever the images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from einops import reduce
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph, Node
from ghn.scoring.proxies.activations import outputs
from ghn.types import Inputs, Network, WeightDict

Loss = Callable[..., Tensor]  # (output, target, reduction="mean" or "sum") -> scalar, as `Task.loss`
# kinds of parameters that pruning scores look at
SYNAPSES = ("conv_weight", "transposed_weight", "linear_weight", "matrix")
EPSILON = 1e-5  # of jacob_cov: the paper's k


def leaves(weights: WeightDict) -> WeightDict:
    """The same weights as leaves of a new autograd graph; the caller's are not touched."""
    return {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}


def synapses(graph: Graph, weights: WeightDict) -> list[Tensor]:
    """The weights of convolutions and linear layers: no biases, no normalisations."""
    found = [weights[p.name] for p in graph.params() if p.kind in SYNAPSES]
    if not found:
        raise GraphError("the network has no weights of convolutions or linear layers, so this proxy says nothing")
    return found


def loss_gradients(
    network: Network,
    weights: WeightDict,
    images: Inputs,
    labels: Tensor,
    loss: Loss = F.cross_entropy,
    *,
    create_graph: bool = False,
) -> tuple[list[Tensor], Sequence[Tensor]]:
    """The synapses as leaves, and the gradients of the mean loss for each; zero where it is not read.

    `create_graph` keeps the gradients differentiable.
    """
    held = leaves(weights)
    of = synapses(network.graph, held)
    value = loss(outputs(network, held, images)[-1], labels)
    return of, torch.autograd.grad(value, of, create_graph=create_graph, materialize_grads=True)


def total(terms: Sequence[Tensor]) -> Float[Tensor, ""]:
    """Sum over the elements of all tensors."""
    return torch.stack([t.sum() for t in terms]).sum().detach()


@torch.enable_grad()
def grad_norm(
    network: Network, weights: WeightDict, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy
) -> Float[Tensor, ""]:
    """Sum over layers of the Euclidean norm of the gradient of the loss.

    Source: Abdelfattah, Mehrotra, Dudziak & Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021.
    """
    _, gradients = loss_gradients(network, weights, images, labels, loss)
    return total([g.norm() for g in gradients])


@torch.enable_grad()
def snip(
    network: Network, weights: WeightDict, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy
) -> Float[Tensor, ""]:
    """Connection sensitivity: sum over weights of |weight * gradient of the loss|.

    Source: Lee, Ajanthan & Torr, "SNIP: Single-Shot Network Pruning Based on Connection Sensitivity", ICLR 2019,
    which then divides by the sum; summed as a score of the network in Abdelfattah et al., ICLR 2021.
    """
    held, gradients = loss_gradients(network, weights, images, labels, loss)
    return total([(w * g).abs() for w, g in zip(held, gradients, strict=True)])


# --- GraSP: how much of the gradient's flow the weights hold back ---


@torch.enable_grad()
def grasp(
    network: Network, weights: WeightDict, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy
) -> Float[Tensor, ""]:
    """Minus the sum over weights of weight * (H g): g the gradient of the loss, H its Hessian.

    To first order, shrinking the weights by a share adds that share of twice the value to the squared norm of the
    gradient. H is never built: H g is the gradient of g . stop(g).

    Source: Wang, Zhang & Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow",
    ICLR 2020; as a score of the network, with this sign, in Abdelfattah et al., ICLR 2021.
    """
    held, gradients = loss_gradients(network, weights, images, labels, loss, create_graph=True)
    product = torch.stack([(g * g.detach()).sum() for g in gradients]).sum()
    if not product.requires_grad:  # a loss that is linear in the weights has no curvature
        return torch.zeros_like(product)
    curved = torch.autograd.grad(product, held, materialize_grads=True)
    return -total([w * h for w, h in zip(held, curved, strict=True)])


# --- Fisher: what the loss would feel if a channel were left out ---


@torch.enable_grad()
def fisher(
    network: Network, weights: WeightDict, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy
) -> Float[Tensor, ""]:
    """Sum over the outputs of convolutions and linear layers, and their channels, of the second-order estimate of the
    change in loss when the channel is set to zero.

    With activations a and gradients g of each image's own loss: `1/(2b) sum over images of (sum over pixels of a g)^2`.

    Source: Theis, Korshunova, Tejani & Huszar, "Faster gaze prediction with dense networks and Fisher pruning",
    arXiv 1801.05787, 2018; Turner et al., "BlockSwap", ICLR 2020; Abdelfattah et al., ICLR 2021.
    """
    held = leaves(weights)
    synapses(network.graph, held)
    every = outputs(network, held, images)
    of = [x for node, x in zip(network.graph.nodes, every, strict=True) if node.operation.mixes]
    value = loss(every[-1], labels, reduction="sum")
    gradients = torch.autograd.grad(value, of, materialize_grads=True)
    per_image = [reduce(a * g, "b c ... -> b c", "sum") for a, g in zip(of, gradients, strict=True)]
    return total([x.square().mean(0) / 2 for x in per_image])


# --- Jacobian covariance: does the network respond to each image in a way of its own? ---


@torch.enable_grad()
def jacob_cov(network: Network, weights: WeightDict, images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Minus the Kullback-Leibler divergence, up to constants, from no correlation between the images' Jacobians.

    With the eigenvalues s of the correlation matrix of d(sum of outputs)/d(image): `-sum(log(s + k) + 1/(s + k))`.

    Source: Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", arXiv 2006.04647v1, 2020;
    named jacob_cov in Abdelfattah et al., ICLR 2021.
    """
    x = images.detach().clone().requires_grad_()
    (jacobian,) = torch.autograd.grad(outputs(network, weights, x)[-1].sum(), x, materialize_grads=True)
    rows = jacobian.flatten(1).double()
    rows = rows - rows.mean(1, keepdim=True)
    norms = rows.norm(dim=1, keepdim=True)
    if not (norms > 0).all():
        raise GraphError("the output does not respond to the images, so that there is no Jacobian to correlate")
    rows = rows / norms
    values = torch.linalg.eigvalsh(rows @ rows.T).clamp_min(0) + EPSILON
    return -(values.log() + 1 / values).sum()


# --- SynFlow: how much can flow from input to output through the weights, whatever the images ---


def synflow(network: Network, weights: WeightDict) -> Float[Tensor, ""]:
    """log(1 + the synaptic flow through all layers); the logarithm keeps the order and holds it in float32.

    Source: Tanaka, Kunin, Yamins & Ganguli, "Pruning neural networks without any data by iteratively conserving
    synaptic flow", NeurIPS 2020; as a score of the network in Abdelfattah et al., ICLR 2021,
    which takes normalisations out.
    """
    return total(list(synaptic_flow(network, weights).values())).log1p()


@torch.enable_grad()
def synaptic_flow(network: Network, weights: WeightDict) -> dict[str, Tensor]:
    """|weight| * gradient of the flow R, by name, in float64: R is the sum of outputs for an image of ones, with the
    absolute values of all weights and without normalisations.

    Without biases, every layer through which all paths lead has the same sum, R.
    """
    plain = without_norms(network.graph)
    held = leaves({p.name: weights[p.name].double().abs() for p in plain.params()})
    synapses(plain, held)
    ones = torch.ones(1, *plain.input_shape, dtype=torch.float64, device=next(iter(held.values())).device)
    flow = outputs(Network.of(plain), held, ones)[-1].sum()
    names = [p.name for p in plain.params() if p.kind in SYNAPSES]
    gradients = torch.autograd.grad(flow, [held[name] for name in names], materialize_grads=True)
    return {name: (held[name] * g).detach() for name, g in zip(names, gradients, strict=True)}


def without_norms(graph: Graph) -> Graph:
    """The same graph with an identity in the place of every normalisation.

    On the statistics of a single image they would undo the flow that is to be measured.
    """
    return Graph(
        tuple(Node(n.name, "identity", n.inputs, (), n.shape) if n.operation.normalises else n for n in graph.nodes)
    )
