"""SynFlow: how much can flow from input to output through the weights, whatever the images."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.estimators.zerocost.passes import SYNAPSES, leaves, outputs, synapses, total
from ghn.graph.ir import Graph, Node
from ghn.types import WeightDict


def synflow(graph: Graph, weights: WeightDict) -> Float[Tensor, ""]:
    """log(1 + the synaptic flow through all layers); the logarithm keeps the order and holds it in float32.

    Source: Tanaka, Kunin, Yamins & Ganguli, "Pruning neural networks without any data by iteratively conserving
    synaptic flow", NeurIPS 2020; as a score of the network in Abdelfattah et al., ICLR 2021,
    which takes normalisations out.

    Raises:
        GraphError: no weights, or the flow overflows float64.
    """
    return total(list(synaptic_flow(graph, weights).values())).log1p()


@torch.enable_grad()
def synaptic_flow(graph: Graph, weights: WeightDict) -> dict[str, Tensor]:
    """|weight| * gradient of the flow R, by name, in float64: R is the sum of outputs for an image of ones, with the
    absolute values of all weights and without normalisations.

    Without biases, every layer through which all paths lead has the same sum, R.

    Raises:
        GraphError: no weights, or the flow overflows float64.
    """
    plain = without_norms(graph)
    held = leaves({p.name: weights[p.name].double().abs() for p in plain.params()})
    synapses(plain, held)
    ones = torch.ones(1, *plain.input_shape, dtype=torch.float64, device=next(iter(held.values())).device)
    flow = outputs(plain, held, ones)[-1].sum()
    names = [p.name for p in plain.params() if p.kind in SYNAPSES]
    gradients = torch.autograd.grad(flow, [held[name] for name in names], materialize_grads=True)
    return {name: (held[name] * g).detach() for name, g in zip(names, gradients, strict=True)}


def without_norms(graph: Graph) -> Graph:
    """The same graph with an identity in the place of every normalisation.

    On the statistics of a single image they would undo the flow that is to be measured.
    """
    return Graph(
        tuple(Node(n.name, "identity", n.inputs, (), n.shape) if n.op == "batch_norm" else n for n in graph.nodes)
    )
