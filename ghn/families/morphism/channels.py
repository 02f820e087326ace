"""Which channels of a network must be the same in number and order, and a network with other ones.

A sum, say, asks it of all that it adds.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ghn.errors import MorphismError
from ghn.families.morphism.network import Draft, WeightedNetwork
from ghn.graph.ir import Graph, Node


class Channels:
    """The classes of tied channels of a graph.

    Channels are tied where an operation takes them one by one, or adds them up; a concatenation ties each part. All
    channels of a class are copied or dropped together: that is what "widen all members of a residual group" comes to.
    `of` has for each node the class of each of its channels, `[c]`.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        start = np.cumsum([0, *(node.shape[0] for node in graph.nodes)])
        own = [np.arange(a, b) for a, b in pairwise(start)]
        ties = [(own[i], own[j]) for i, node in enumerate(graph.nodes) for j in node.inputs if _is_passing(graph, i)]
        for i, node in enumerate(graph.nodes):
            if node.operation.joins:
                ties.append((own[i], np.concatenate([own[j] for j in node.inputs])))
        here, there = (np.concatenate([tie[k] for tie in ties] or [own[0][:0]]) for k in (0, 1))
        links = coo_array((np.ones(len(here), bool), (here, there)), (start[-1], start[-1]))
        labels = connected_components(links, directed=False)[1]
        self.of: list[np.ndarray] = [labels[channels] for channels in own]
        self._fixed: dict[int, str] = {}
        for i, node in enumerate(graph.nodes):
            if why := _why_fixed(graph, i):
                self._fixed |= dict.fromkeys(self.of[i].tolist(), why)
                if i and (node.operation.convolves or not node.operation.mixes):
                    for j in node.inputs:
                        self._fixed |= dict.fromkeys(self.of[j].tolist(), why)

    def count(self) -> int:
        return 1 + max(int(classes.max()) for classes in self.of)

    def may_change(self, place: str) -> np.ndarray:
        """The classes of a node's channels, `[c]`; MorphismError where some are bound to what is given."""
        i = next(i for i, node in enumerate(self._graph.nodes) if node.name == place)
        for label in self.of[i].tolist():
            if label in self._fixed:
                raise MorphismError(f"the channels of {place!r} cannot change: they are tied to {self._fixed[label]}")
        return self.of[i]

    def changeable(self) -> list[str]:
        """Convolutions and linear layers whose channels may be more or fewer."""
        nodes = zip(self._graph.nodes, self.of, strict=True)
        return [n.name for n, own in nodes if n.operation.mixes and self._fixed.keys().isdisjoint(own.tolist())]


def reindex(network: WeightedNetwork, kept: list[np.ndarray], share: list[np.ndarray]) -> WeightedNetwork:
    """A network with other channels: each is a copy of an old one.

    Args:
        network: is left as it is.
        kept: for each node the old channel behind each new one, `[c']`.
        share: for each node what a reader gets of each of its new channels, `[c']`: where an old channel has m copies,
            1/m of it. Net2WiderNet divides the weights of readers by m (Chen et al. 2016).
    """
    draft, graph = Draft(network.graph), network.graph
    weights, stats = dict(network.weights), dict(network.stats)
    for i, node in enumerate(graph.nodes):
        if not i or not (node.operation.cuts or graph.has_params(i)):
            continue
        attrs, out = draft[node.name].attrs, torch.from_numpy(kept[i])
        if node.operation.mixes:
            attrs["out"] = len(out)
        elif node.operation.cuts:
            attrs["c"] = len(out)
        if depthwise(graph, i):
            attrs["groups"] = len(out)
        mixing = node.operation.mixes and not depthwise(graph, i)
        for p in graph.node_params[i]:
            weights[p.name] = weights[p.name][out.to(weights[p.name].device)]
            if mixing and p.name.endswith("/weight"):
                weights[p.name] = _read(weights[p.name], kept[node.inputs[0]], share[node.inputs[0]])
        for name in (n for n in stats if n.rpartition("/")[0] == node.name):
            stats[name] = stats[name][out.to(stats[name].device)]
    return WeightedNetwork(draft.build(), weights, stats)


def depthwise(graph: Graph, i: int) -> bool:
    """Whether node `i` is a convolution that takes each channel alone."""
    node = graph.nodes[i]
    return node.operation.convolves and node.attr["groups"] == node.attr["out"] == graph.input_shapes(i)[0][0] > 1


def _is_passing(graph: Graph, i: int) -> bool:
    return graph.nodes[i].operation.channelwise or depthwise(graph, i)


def _why_fixed(graph: Graph, i: int) -> str | None:
    """Why the channels that a node gives and reads are what they are."""
    node: Node = graph.nodes[i]
    known = node.operation
    if i == 0:
        return "the images"
    if i == len(graph) - 1:
        return f"the output, {node.name!r}"
    if node.operation.convolves and node.attr["groups"] > 1 and not depthwise(graph, i):
        return f"{node.name!r}, a convolution in groups"
    if not (known.channelwise or known.mixes or known.cuts or known.joins):
        return f"{node.name!r}, a {node.op}, of which morphisms know nothing"
    return None


def _read(weight: Tensor, kept: np.ndarray, share: np.ndarray) -> Tensor:
    part = torch.from_numpy(share).to(weight)
    return weight[:, torch.from_numpy(kept).to(weight.device)] * part.view(1, -1, *[1] * (weight.ndim - 2))
