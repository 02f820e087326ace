"""Weights inherited from a trained network: what two networks call the same is taken over."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ghn.families.morphism.network import VAR, WeightedNetwork, stat_shapes
from ghn.families.morphism.refit import refit
from ghn.graph.ir import Graph
from ghn.nets.decoder import centre
from ghn.nets.initial import RandomInit
from ghn.types import WeightDict


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
        new = {
            i
            for i, node in enumerate(graph.nodes)
            if node.operation.normalises and f"{node.name}/weight" not in self.parent.weights
        }
        loud = {i for i, node in enumerate(graph.nodes) if node.operation.adds and not new.issuperset(node.inputs)}
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
