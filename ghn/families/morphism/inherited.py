"""Weights that come from another network: inherited by name, then solved for by least squares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ghn.families.morphism.network import EPS, MEAN, VAR, WeightedNetwork, stat_shapes
from ghn.graph.ir import Graph, Node
from ghn.graph.op import Stats
from ghn.nets.heads import centre
from ghn.nets.initial import RandomInit
from ghn.types import WeightDict

RIDGE = 1e-3  # in least squares, pull of each weight towards where it was, as a share of the mean square of its input
SAME = 1e-4  # relative difference up to which an input counts as unchanged


class Inherited:
    """Gives any network of a space the weights of a trained one, so that it begins as near to it as it can.

    A role has one name in all architectures of a space (`ghn.graph.ir.Node`). By that name:

    - a parameter of the same shape is taken over, with running statistics;
    - a kernel grows by zeros or is cut to its centre (1x1, 3x3): growing is exact;
    - what is new has random weights; a new normalisation that feeds a sum has a scale of zero, so that the new path
      adds nothing yet - unless all terms of the sum are such, as then nothing would come through.

    So a path more or a larger kernel keeps the function, an exact morphism; a path less, a smaller kernel or an
    operation without weights in exchange for another changes it, an approximate one. With `images`, layers whose inputs
    changed are then solved for the parent's outputs by least squares.

    Source: Elsken, Metzen & Hutter, LEMONADE, ICLR 2019 (Lamarckian inheritance by exact and approximate morphisms).

    Args:
        parent: the trained network.
        seed: of what is new.
        images: for least squares, `[b c h w]`; None leaves it out.
    """

    def __init__(self, parent: WeightedNetwork, seed: int = 0, images: Float[Tensor, "b c h w"] | None = None) -> None:
        self.parent, self.seed, self.images = parent, seed, images
        self._device = next(iter(parent.weights.values())).device

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        return [dict(self.network(graph).weights) for graph in graphs]

    def network(self, graph: Graph) -> WeightedNetwork:
        """A graph with inherited weights and running statistics."""
        weights = RandomInit(self.seed, self._device)([graph])[0]
        weights |= {f"{name}/weight": weights[f"{name}/weight"] * 0 for name in self._silent(graph)}
        for p in graph.params():
            old = self.parent.weights.get(p.name)
            if old is not None and (fitted := _fit(old, p.shape)) is not None:
                weights[p.name] = fitted.clone()
        stats = {}
        for name, shape in stat_shapes(graph).items():
            old = self.parent.stats.get(name)
            if old is None or tuple(old.shape) != shape:
                old = torch.full(shape, float(name.endswith(VAR)), device=self._device)
            stats[name] = old.clone()
        child = WeightedNetwork(graph, weights, stats)
        return child if self.images is None else refit(child, self.parent, self.images)

    def _silent(self, graph: Graph) -> list[str]:
        """New normalisations that feed nothing but sums to which something else adds too."""
        nodes, known = list(enumerate(graph.nodes)), self.parent.weights
        new = {i for i, node in nodes if node.operation.normalises and f"{node.name}/weight" not in known}
        loud = {i for i, node in nodes if node.operation.adds and not new.issuperset(node.inputs)}
        return [graph.nodes[i].name for i in sorted(new) if graph.consumers[i] and loud.issuperset(graph.consumers[i])]


def _fit(old: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """A parameter in another shape that differs in the size of the kernel alone; None where more differs."""
    if tuple(old.shape) == shape:
        return old
    if len(shape) != 4 or tuple(old.shape[:2]) != shape[:2] or (old.shape[2] - shape[2]) % 2:
        return None
    if shape[2] > old.shape[2]:
        return F.pad(old, [(shape[2] - old.shape[2]) // 2] * 4)
    middle = centre(shape[2], old.shape[2])
    return old[:, :, middle, middle]


@torch.no_grad()
def refit(
    child: WeightedNetwork,
    parent: WeightedNetwork,
    images: Float[Tensor, "b c h w"],
    kept: Mapping[str, np.ndarray] | None = None,
) -> WeightedNetwork:
    """Brings the layers of a child nearer to what the same layers (by name) of its parent give.

    From input to output, each convolution, linear layer or normalisation of images whose input or weights are not what
    they were is solved by least squares for its parent's output, given what the layers before it give now. A
    normalisation is a regression for each channel, and takes the running statistics of its new input. Layers that are
    calls of PyTorch without an operation of their own keep what they inherit.

    Source: He, Zhang & Sun, "Channel Pruning for Accelerating Very Deep Neural Networks", ICCV 2017, which
    also reconstructs the outputs of one layer after the other.

    `kept` says for nodes with fewer channels than the parent's which of the parent's these are.
    """
    kept, wanted, graph = kept or {}, parent.outputs(images), child.graph
    weights, stats = dict(child.weights), dict(child.stats)
    outputs: list[Tensor] = []
    for i, node in enumerate(graph.nodes):
        inputs = [outputs[j] for j in node.inputs] or [images]
        outputs.append(_output(graph, i, inputs, weights, stats))
        normalises = node.operation.normalises and inputs[0].dim() == 4
        can = node.operation.infer is not None and (node.operation.mixes or normalises)
        if not can or node.name not in wanted or node.attr.get("groups", 1) > 1:
            continue
        target = wanted[node.name]
        if node.name in kept:
            target = target[:, torch.from_numpy(kept[node.name])]
        if target.shape == outputs[i].shape and not _close(outputs[i], target):
            if normalises:
                _solve_norm(node, inputs[0], target, weights, stats)
            else:
                _solve_layer(graph, i, inputs[0], target, weights)
            outputs[i] = _output(graph, i, inputs, weights, stats)
    return WeightedNetwork(graph, weights, stats)


def _output(graph: Graph, i: int, inputs: list[Tensor], weights: WeightDict, stats: WeightDict) -> Tensor:
    node, op = graph.nodes[i], graph.nodes[i].operation
    state = Stats(stats[f"{node.name}/{MEAN}"], stats[f"{node.name}/{VAR}"], False) if op.has_stats else None
    attrs = node.attr if op.infer is not None else {**node.attr, "batch": len(inputs[0])}
    return op.run(inputs, [weights[p.name] for p in graph.node_params[i]], attrs, state)


def _close(a: Tensor, b: Tensor) -> bool:
    return bool((a - b).abs().max() <= SAME * b.std())


def _solve_norm(
    node: Node, x: Float[Tensor, "b c h w"], y: Float[Tensor, "b c h w"], weights: WeightDict, stats: WeightDict
) -> None:
    """A regression for each channel: its slope, cov(x, y) / var(x), is scale / sqrt(var(x) + eps)."""
    dims = (0, 2, 3)
    var, mean = torch.var_mean(x, dim=dims, correction=0)
    cov = (rearrange(mean, "c -> c 1 1").neg().add(x) * y).mean(dims)
    weights[f"{node.name}/weight"], weights[f"{node.name}/bias"] = cov / (var + EPS).sqrt(), y.mean(dims)
    stats[f"{node.name}/{MEAN}"], stats[f"{node.name}/{VAR}"] = mean, var


def _solve_layer(graph: Graph, i: int, x: Tensor, y: Tensor, weights: WeightDict) -> None:
    """The minimum over W of |X W - Y|^2 + ridge |W - W0|^2, a row of X for each output pixel."""
    node, names = graph.nodes[i], [p.name for p in graph.node_params[i]]
    old = weights[names[0]]
    if node.operation.convolves:
        a = node.attr
        patches = F.unfold(x, a["kernel"], a["dilation"], a["padding"], a["stride"])
        x, y = rearrange(patches, "b p n -> (b n) p"), rearrange(y, "b c h w -> (b h w) c")
    else:
        x, y = (rearrange(value, "... c -> (...) c") for value in (x, y))
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
