"""After a change that is not exact: layers are solved for the outputs that they had."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ghn.families.morphism.network import EPS, MEAN, VAR, WeightedNetwork
from ghn.graph.ir import Graph, Node
from ghn.graph.op import Stats, get_op

RIDGE = 1e-3  # pull of each weight towards where it was, as a share of the mean square of its input
SAME = 1e-4  # relative difference up to which an input counts as unchanged

Tensors = dict[str, Tensor]


@torch.no_grad()
def refit(
    child: WeightedNetwork,
    parent: WeightedNetwork,
    images: Float[Tensor, "b c h w"],
    kept: Mapping[str, np.ndarray] | None = None,
) -> WeightedNetwork:
    """Brings the layers of a child nearer to what the same layers (by name) of its parent give.

    From input to output, each convolution, linear layer or normalisation whose input or weights are not what they were
    is solved by least squares for its parent's output, given what the layers before it give now. A normalisation is a
    regression for each channel, and takes the running statistics of its new input.

    Source: He, Zhang & Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, which
    also reconstructs the outputs of one layer after the other.

    Args:
        child: is left as it is.
        parent: what it came from.
        images: on which outputs are compared.
        kept: for nodes with fewer channels than the parent's, which of the parent's these are.
    """
    kept, wanted, graph = kept or {}, parent.outputs(images), child.graph
    weights, stats = dict(child.weights), dict(child.stats)
    outputs: list[Tensor] = []
    for i, node in enumerate(graph.nodes):
        inputs = [outputs[j] for j in node.inputs] or [images]
        outputs.append(_output(graph, i, inputs, weights, stats))
        can = node.operation.mixes or node.operation.normalises
        if not can or node.name not in wanted or node.attr.get("groups", 1) > 1:
            continue
        target = wanted[node.name]
        if node.name in kept:
            target = target[:, torch.from_numpy(kept[node.name])]
        if target.shape == outputs[i].shape and not _close(outputs[i], target):
            if node.operation.normalises:
                _solve_norm(node, inputs[0], target, weights, stats)
            else:
                _solve_layer(graph, i, inputs[0], target, weights)
            outputs[i] = _output(graph, i, inputs, weights, stats)
    return WeightedNetwork(graph, weights, stats)


def _output(graph: Graph, i: int, inputs: list[Tensor], weights: Tensors, stats: Tensors) -> Tensor:
    node, op = graph.nodes[i], get_op(graph.nodes[i].op)
    state = Stats(stats[f"{node.name}/{MEAN}"], stats[f"{node.name}/{VAR}"], False) if op.has_stats else None
    return op.run(inputs, [weights[p.name] for p in graph.node_params[i]], node.attr, state)


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= SAME * b.std())


def _solve_norm(
    node: Node, x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"], weights: Tensors, stats: Tensors
) -> None:
    """A regression for each channel: its slope, cov(x, y) / var(x), is scale / sqrt(var(x) + eps)."""
    dims = (0, 2, 3)
    var, mean = torch.var_mean(x, dim=dims, correction=0)
    cov = (rearrange(mean, "c -> c 1 1").neg().add(x) * y).mean(dims)
    weights[f"{node.name}/weight"], weights[f"{node.name}/bias"] = cov / (var + EPS).sqrt(), y.mean(dims)
    stats[f"{node.name}/{MEAN}"], stats[f"{node.name}/{VAR}"] = mean, var


def _solve_layer(graph: Graph, i: int, x: Tensor, y: Tensor, weights: Tensors) -> None:
    """The minimum over W of |X W - Y|^2 + ridge |W - W0|^2, a row of X for each output pixel."""
    node, names = graph.nodes[i], [p.name for p in graph.node_params[i]]
    old = weights[names[0]]
    if node.operation.convolves:
        a = node.attr
        patches = F.unfold(x, a["kernel"], a["dilation"], a["padding"], a["stride"])
        x, y = rearrange(patches, "b p n -> (b n) p"), rearrange(y, "b c h w -> (b h w) c")
    rows, wanted, start = (value.cpu().double() for value in (x, y, rearrange(old, "o ... -> o (...)")))  # MPS has none
    if len(names) > 1:  # the bias is the weight of a column of ones
        rows = F.pad(rows, (0, 1), value=1.0)
        start = torch.cat([start, weights[names[1]].cpu().double()[:, None]], 1)
    gram = rows.T @ rows
    scale = float(gram.diagonal().mean())
    if not 0 < scale < float("inf"):  # nothing comes in, or nothing that could be solved for
        return
    gram += RIDGE * scale * torch.eye(len(gram), dtype=gram.dtype)
    change = torch.linalg.solve(gram, rows.T @ (wanted - rows @ start.T)).T
    solved = (start + change).to(old)
    weights[names[0]] = solved[:, : old[0].numel()].reshape(old.shape)
    if len(names) > 1:
        weights[names[1]] = solved[:, -1]
