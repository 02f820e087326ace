"""Exact morphisms: a wider layer, one more layer, a new path, a larger kernel; the network computes what it did."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ghn.display import brief
from ghn.errors import ConfigError, MorphismError
from ghn.families.morphism.channels import Channels, depthwise, reindex
from ghn.families.morphism.network import EPS, MEAN, VAR, Draft, Operation, WeightedNetwork, node_at
from ghn.graph.ir import Graph, Node


@dataclass(frozen=True)
class Wider:
    """Copies channels of a convolution or linear layer drawn at random, and divides what reads them by the copies.

    Whatever is tied to these channels is widened with them: normalisations with their running statistics, every term of
    the sums that they enter, and all that reads these. Copies are alike and stay so when trained; `noise` tells them
    apart, at the price of a function that is kept no more than nearly.

    Source: Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016 (Net2WiderNet).
    """

    factor: float = 1.5  # new by old number of channels, above 1; at least one channel is added
    noise: float = 0.0  # standard deviation added to weights of copies, as a share of that of the layer's
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if not self.factor > 1 or self.noise < 0:
            raise ConfigError(
                "widening needs a factor above 1 and a noise of at least 0", got=(self.factor, self.noise)
            )

    def places(self, graph: Graph) -> list[str]:
        """Convolutions and linear layers whose channels can grow."""
        return Channels(graph).changeable()

    def apply(self, network: WeightedNetwork, place: str, generator: torch.Generator) -> WeightedNetwork:
        """Widens the layer `place`, and what is tied to it."""
        node_at(network.graph, place, "conv", "linear")
        channels = Channels(network.graph)
        classes = channels.may_change(place)
        extra = max(1, round((self.factor - 1) * len(classes)))
        drawn = torch.randint(len(classes), (extra,), generator=generator).numpy()
        copies = 1 + np.bincount(classes[drawn], minlength=channels.count())
        kept = [np.repeat(np.arange(len(own)), copies[own]) for own in channels.of]
        share = [np.repeat(1 / copies[own], copies[own]) for own in channels.of]
        wide = reindex(network, kept, share)
        return self._told_apart(wide, kept, generator) if self.noise else wide

    def _told_apart(self, wide: WeightedNetwork, kept: list[np.ndarray], generator: torch.Generator) -> WeightedNetwork:
        """Noise on all but the first copy of each channel, where a layer makes it."""
        weights, graph = dict(wide.weights), wide.graph
        for i, node in enumerate(graph.nodes):
            if not node.operation.mixes:
                continue
            again = torch.from_numpy(np.diff(kept[i], prepend=-1) == 0)
            old = weights[f"{node.name}/weight"]
            scale = self.noise * float((old[~again] if depthwise(graph, i) else old).std(correction=0))
            noise = scale * torch.randn(old.shape, generator=generator) * again.view(-1, *[1] * (old.ndim - 1))
            weights[f"{node.name}/weight"] = old + noise.to(old)
        return WeightedNetwork(graph, weights, wide.stats)


@brief
@dataclass(frozen=True, eq=False)
class Deeper:
    """Puts an identity convolution with a normalisation at a ReLU.

    Behind the ReLU it is a convolution, a normalisation and another ReLU, which changes nothing, as relu(relu(x)) =
    relu(x); behind anything else another ReLU would cut off what is negative, so that other places are refused. In
    front of the ReLU it is a convolution and a normalisation alone.

    The normalisation has a scale sqrt(v + eps) and a shift m for the running mean m and variance v that it starts with,
    which makes it the identity in evaluation mode. With `images`, m and v are those of its input, and it is (up to the
    batch) the identity in training too; without, m = 0 and v = 1.

    Source: Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016 (Net2DeeperNet), which also says what
    normalisations start with.
    """

    kernel: int = 3  # side of the new convolution; odd
    behind: bool = True  # behind the ReLU, else in front of it
    noise: float = 0.0  # standard deviation of what is added to the identity; 0 keeps the function
    images: Float[Tensor, "b c h w"] | None = None  # to measure the normalisation's statistics on, `[b c h w]`
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0 or self.noise < 0:
            raise ConfigError("an identity convolution needs an odd kernel and a noise of at least 0", got=self)

    def places(self, graph: Graph) -> list[str]:
        """ReLUs of images, but for one that is the output."""
        return [n.name for n in graph.nodes[:-1] if n.operation.activates and len(n.shape) == 3]

    def apply(self, network: WeightedNetwork, place: str, generator: torch.Generator) -> WeightedNetwork:
        """Adds a layer at the ReLU `place`."""
        node = node_at(network.graph, place, "relu")
        if node is network.graph.nodes[-1]:
            raise MorphismError("the output stays what it is", got=place)
        if len(node.shape) != 3:
            raise MorphismError(f"a convolution reads images, and {place!r} gives none", got=node.shape)
        draft, c = Draft(network.graph), node.shape[0]
        before = place if self.behind else draft[place].inputs[0]
        conv, norm, relu = (f"{draft.fresh(f'{place}/deeper')}/{part}" for part in ("conv", "norm", "relu"))
        attrs = {"out": c, "kernel": self.kernel, "padding": self.kernel // 2}
        added = [Operation(conv, "conv", (before,), attrs), Operation(norm, "batch_norm", (conv,))]
        if self.behind:
            added.append(Operation(relu, "relu", (norm,)))
            draft.redirect(before, relu)
        else:
            draft[place].inputs = (norm,)
        draft.insert(before, *added)
        like = next(iter(network.weights.values()))
        weight = torch.zeros(c, c, self.kernel, self.kernel)
        weight[range(c), range(c), self.kernel // 2, self.kernel // 2] = 1
        weight += self.noise * torch.randn(weight.shape, generator=generator)
        mean, var = (value.to(like) for value in self._statistics(network, before, c))
        new = {f"{conv}/weight": weight.to(like), f"{norm}/weight": (var + EPS).sqrt(), f"{norm}/bias": mean.clone()}
        stats = {**network.stats, f"{norm}/{MEAN}": mean, f"{norm}/{VAR}": var}
        return WeightedNetwork(draft.build(), {**network.weights, **new}, stats)

    def _statistics(self, network: WeightedNetwork, name: str, c: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of a node's output."""
        if self.images is None:
            return torch.zeros(c), torch.ones(c)
        var, mean = torch.var_mean(network.outputs(self.images)[name], dim=(0, 2, 3))
        return mean, var


@dataclass(frozen=True)
class Skip:
    """Adds to the output of one node a path from an earlier one: ReLU, 1x1 convolution, normalisation.

    The normalisation's scale and shift are zero, so that the path adds nothing until it is trained. The convolution has
    random weights: were it zero as well, neither would ever have a gradient.

    Source: Elsken, Metzen & Hutter, "Efficient Multi-Objective Neural Architecture Search via Lamarckian Evolution"
    (LEMONADE), ICLR 2019 (skip connections by addition; there a learnt convex combination that gives what is new a
    share of zero); zero scales: Goyal et al., "Accurate, Large Minibatch SGD", 2017.
    """

    source = "Elsken et al., LEMONADE, ICLR 2019"

    def places(self, graph: Graph) -> list[tuple[str, str]]:
        """Pairs (from, to) of nodes that give images of one size, the first before the second."""
        images = [n for n in graph.nodes[1:-1] if len(n.shape) == 3 and not n.operation.cuts]
        return [(a.name, b.name) for i, b in enumerate(images) for a in images[:i] if a.shape[1:] == b.shape[1:]]

    def apply(self, network: WeightedNetwork, place: tuple[str, str], generator: torch.Generator) -> WeightedNetwork:
        """Adds a path for `place` = (from, to)."""
        source, target = self._ends(network.graph, place)
        draft = Draft(network.graph)
        stem = draft.fresh(f"{target.name}/skip")
        relu, conv, norm, total = (f"{stem}/{part}" for part in ("relu", "conv", "norm", "sum"))
        draft.redirect(target.name, total)
        out, c = target.shape[0], source.shape[0]
        draft.insert(
            target.name,
            Operation(relu, "relu", (source.name,)),
            Operation(conv, "conv", (relu,), {"out": out, "kernel": 1}),
            Operation(norm, "batch_norm", (conv,)),
            Operation(total, "sum", (target.name, norm)),
        )
        like = next(iter(network.weights.values()))
        weight = torch.randn(out, c, 1, 1, generator=generator) * sqrt(2 / c)  # He et al., ICCV 2015
        zeros, ones = torch.zeros(out).to(like), torch.ones(out).to(like)
        new = {f"{conv}/weight": weight.to(like), f"{norm}/weight": zeros, f"{norm}/bias": zeros.clone()}
        stats = {**network.stats, f"{norm}/{MEAN}": zeros.clone(), f"{norm}/{VAR}": ones}
        return WeightedNetwork(draft.build(), {**network.weights, **new}, stats)

    @staticmethod
    def _ends(graph: Graph, place: tuple[str, str]) -> tuple[Node, Node]:
        if not isinstance(place, tuple) or len(place) != 2:
            raise MorphismError("a path has two ends", got=place, expected="a pair of names (from, to)")
        source, target = (node_at(graph, name) for name in place)
        if graph.nodes.index(source) >= graph.nodes.index(target):
            raise MorphismError(
                "a path leads forwards", got=place, expected=f"{source.name!r} listed before {target.name!r}"
            )
        if source.shape[1:] != target.shape[1:] or len(target.shape) != 3:
            raise MorphismError(
                "a path joins images of one height and width", got=f"{place}: {source.shape} and {target.shape}"
            )
        if target is graph.nodes[-1]:
            raise MorphismError("nothing is added to the output", got=target.name)
        return source, target


@dataclass(frozen=True)
class WiderKernel:
    """Makes the kernel of a convolution larger by a ring of zeros, and its padding with it: 1x1, 3x3, 5x5.

    Source: Wei, Wang, Rui & Chen, "Network Morphism", ICML 2016 (kernel size morphing).
    """

    largest: int = 7  # kernels of this size do not grow
    source = "Wei et al., Network Morphism, ICML 2016"

    def places(self, graph: Graph) -> list[str]:
        """Convolutions whose kernels can grow."""
        return [n.name for n in graph.nodes if n.operation.convolves and n.attr["kernel"] + 2 <= self.largest]

    def apply(self, network: WeightedNetwork, place: str, generator: torch.Generator) -> WeightedNetwork:
        """Widens the kernel of the convolution `place`; `generator` is not used."""
        node = node_at(network.graph, place, "conv")
        if node.attr["kernel"] + 2 > self.largest:
            raise MorphismError(
                f"the kernel of {place!r} does not grow further", got=node.attr["kernel"], expected=f"< {self.largest}"
            )
        draft, name = Draft(network.graph), f"{place}/weight"
        attrs = draft[place].attrs
        attrs["kernel"] += 2
        attrs["padding"] += attrs["dilation"]
        return WeightedNetwork(
            draft.build(), {**network.weights, name: F.pad(network.weights[name], (1, 1, 1, 1))}, network.stats
        )
