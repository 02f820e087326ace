"""Approximate morphisms: what makes a network smaller cannot keep its function, but can stay near it.

Source: Elsken, Metzen & Hutter, LEMONADE, ICLR 2019: approximate network morphisms - a layer, channels or a path less.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError, MorphismError
from ghn.families.morphism.channels import Channels, reindex
from ghn.families.morphism.inherited import refit
from ghn.families.morphism.network import Draft, WeightedNetwork, node_at, stat_shapes
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify

Images = Float[Tensor, "b c h w"]


@dataclass(frozen=True, eq=False)
class _Approximate:
    """With `images`, what is left is solved by least squares for the outputs that it had; else it stays as it is."""

    images: Images | None = field(default=None, kw_only=True)
    source = "Elsken et al., LEMONADE, ICLR 2019"


@dataclass(frozen=True, eq=False)
class Narrower(_Approximate):
    """Drops the channels of a layer, and of all that is tied to it, whose filters are smallest.

    Source: Li, Kadav, Durdanovic, Samet & Graf, "Pruning Filters for Efficient ConvNets", ICLR 2017:
    sums of absolute weights, over all layers that are tied by sums.
    """

    factor: float = 0.5  # new by old number of channels, below 1; at least one is dropped, and one is left

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise ConfigError("narrowing needs a factor between 0 and 1", got=self.factor)

    def places(self, graph: Graph) -> list[str]:
        """Convolutions and linear layers of several channels that may be fewer."""
        several = {n.name for n in graph.nodes if n.shape[0] > 1}
        return [name for name in Channels(graph).changeable() if name in several]

    def apply(self, network: WeightedNetwork, place: str, generator: torch.Generator) -> WeightedNetwork:
        """Narrows the layer `place`; `generator` is not used."""
        node_at(network.graph, place, "conv", "linear")
        channels = Channels(network.graph)
        classes = np.unique(channels.may_change(place))
        if len(classes) < 2:
            raise MorphismError(f"{place!r} has no channel to spare", got=len(classes))
        size = _filter_sizes(network, channels)
        dropped = len(classes) - max(1, min(len(classes) - 1, round(self.factor * len(classes))))
        gone = classes[np.argsort(size[classes], kind="stable")[:dropped]]
        kept = [np.flatnonzero(~np.isin(own, gone)) for own in channels.of]
        if empty := [n.name for n, left in zip(network.graph.nodes, kept, strict=True) if not len(left)]:
            raise MorphismError(f"{empty[0]!r} would have no channel left", fix="use a larger factor")
        narrow = reindex(network, kept, [np.ones(len(left)) for left in kept])
        names = {n.name: left for n, left in zip(network.graph.nodes, kept, strict=True)}
        return narrow if self.images is None else refit(narrow, network, self.images, names)


@dataclass(frozen=True, eq=False)
class Shallower(_Approximate):
    """Takes out a convolution with its normalisation; what read them reads the convolution's input."""

    def places(self, graph: Graph) -> list[str]:
        """Convolutions that give as many channels and pixels as they read."""
        each = enumerate(graph.nodes[:-1])
        return [n.name for i, n in each if n.operation.convolves and graph.input_shapes(i)[0] == n.shape]

    def apply(self, network: WeightedNetwork, place: str, generator: torch.Generator) -> WeightedNetwork:
        """Removes the convolution `place`; `generator` is not used."""
        graph = network.graph
        i = graph.nodes.index(node_at(graph, place, "conv"))
        if place not in self.places(graph):
            raise MorphismError(
                f"without {place!r} shapes do not fit", got=graph.input_shapes(i)[0], expected=graph.nodes[i].shape
            )
        readers = [graph.nodes[j] for j in graph.consumers[i]]
        draft = Draft(graph)
        gone = [place, *(n.name for n in readers if n.operation.normalises and readers == [n])]
        draft.redirect(gone[-1], draft[place].inputs[0])
        for name in gone:
            draft.remove(name)
        return _smaller(network, draft, self.images)


@dataclass(frozen=True, eq=False)
class Unskip(_Approximate):
    """Takes a term out of a sum, and all that nothing else reads with it."""

    def places(self, graph: Graph) -> list[tuple[str, str]]:
        """Pairs (sum, term), for sums of several."""
        sums = [n for n in graph.nodes if n.operation.adds and len(n.inputs) > 1]
        return [(n.name, graph.nodes[j].name) for n in sums for j in dict.fromkeys(n.inputs)]

    def apply(self, network: WeightedNetwork, place: tuple[str, str], generator: torch.Generator) -> WeightedNetwork:
        """Removes the term `place` = (sum, term), once; `generator` is not used."""
        if not isinstance(place, tuple) or len(place) != 2:
            raise MorphismError("a term is named with its sum", got=place, expected="a pair of names (sum, term)")
        node_at(network.graph, place[0], "sum")
        draft = Draft(network.graph)
        terms = list(draft[place[0]].inputs)
        if place[1] not in terms or len(terms) < 2:
            raise MorphismError(f"{place[1]!r} cannot be left out of {place[0]!r}", got=terms, expected="several terms")
        terms.remove(place[1])
        draft[place[0]].inputs = tuple(terms)
        return _smaller(network, draft, self.images)


def _smaller(network: WeightedNetwork, draft: Draft, images: Images | None) -> WeightedNetwork:
    """The live part of a draft, with the weights that it still needs."""
    graph = simplify(draft.build())
    weights = {p.name: network.weights[p.name] for p in graph.params()}
    child = WeightedNetwork(graph, weights, {name: network.stats[name] for name in stat_shapes(graph)})
    return child if images is None else refit(child, network, images)


def _filter_sizes(network: WeightedNetwork, channels: Channels) -> np.ndarray:
    """For each class the sum of absolute weights of all filters that make its channels."""
    size = np.zeros(channels.count())
    for node, own in zip(network.graph.nodes, channels.of, strict=True):
        if node.operation.mixes:
            np.add.at(size, own, network.weights[f"{node.name}/weight"].abs().flatten(1).sum(1).cpu().numpy())
    return size
