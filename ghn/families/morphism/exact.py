"""Which channels of a network must be the same in number and order: what a sum, say, asks of all that it adds.

Net2WiderNet: more channels, each a copy of an old one.

Net2DeeperNet: another layer that changes nothing yet.

A new path that adds nothing yet.

Wider kernels: a ring of zeros around each.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import sqrt

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from ghn.errors import ConfigError, MorphismError
from ghn.families.morphism.network import EPS, MEAN, VAR, Draft, Line, Network, node_at
from ghn.graph.ir import Graph, Node


class Channels:
    """The classes of tied channels of a graph.

    Channels are tied where an operation takes them one by one, or adds them up; a concatenation ties each part. All
    channels of a class are copied or dropped together: that is what "widen all members of a residual group" comes to.

    Args:
        graph: to look at.

    Attributes:
        of: for each node the class of each of its channels, `[c]`.
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
        """How many classes there are."""
        return 1 + max(int(classes.max()) for classes in self.of)

    def may_change(self, place: str) -> np.ndarray:
        """The classes of a node's channels, `[c]`.

        Raises:
            MorphismError: some of them are bound to something whose channels are given.
        """
        i = next(i for i, node in enumerate(self._graph.nodes) if node.name == place)
        for label in self.of[i].tolist():
            if label in self._fixed:
                raise MorphismError(f"the channels of {place!r} cannot change: they are tied to {self._fixed[label]}")
        return self.of[i]


def reindex(network: Network, kept: list[np.ndarray], share: list[np.ndarray]) -> Network:
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
    return Network(draft.build(), weights, stats)


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
    """Weights [out, in, ...] for other inputs."""
    part = torch.from_numpy(share).to(weight)
    return weight[:, torch.from_numpy(kept).to(weight.device)] * part.view(1, -1, *[1] * (weight.ndim - 2))


# --- Net2WiderNet: more channels, each a copy of an old one ---


@dataclass(frozen=True)
class Wider:
    """Copies channels of a convolution or linear layer drawn at random, and divides what reads them by the copies.

    Whatever is tied to these channels is widened with them: normalisations with their running statistics, every term of
    the sums that they enter, and all that reads these. Copies are alike and stay so when trained; `noise` tells them
    apart, at the price of a function that is kept no more than nearly.

    Source: Chen, Goodfellow & Shlens, "Net2Net", ICLR 2016 (Net2WiderNet).

    Attributes:
        factor: new by old number of channels, above 1; at least one channel is added.
        noise: standard deviation of what is added to the weights of copies, as a share of that of the layer's weights.
    """

    factor: float = 1.5
    noise: float = 0.0
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if not self.factor > 1 or self.noise < 0:
            raise ConfigError(
                "widening needs a factor above 1 and a noise of at least 0", got=(self.factor, self.noise)
            )

    def places(self, graph: Graph) -> list[str]:
        """Convolutions and linear layers whose channels can grow."""
        channels = Channels(graph)
        return [n.name for n in graph.nodes if n.operation.mixes and _can_change(channels, n.name)]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Widens the layer `place`, and what is tied to it.

        Raises:
            MorphismError: no such layer, or its channels are tied to the images, the output or groups.
        """
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

    def _told_apart(self, wide: Network, kept: list[np.ndarray], generator: torch.Generator) -> Network:
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
        return Network(graph, weights, wide.stats)


def _can_change(channels: Channels, place: str) -> bool:
    try:
        channels.may_change(place)
    except MorphismError:
        return False
    return True


# --- Net2DeeperNet: another layer that changes nothing yet ---


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

    Attributes:
        kernel: side of the new convolution; odd.
        behind: behind the ReLU, else in front of it.
        noise: standard deviation of what is added to the identity; 0 keeps the function.
        images: to measure the normalisation's statistics on, `[b c h w]`.
    """

    kernel: int = 3
    behind: bool = True
    noise: float = 0.0
    images: Float[Tensor, "b c h w"] | None = None
    source = "Chen et al., Net2Net, ICLR 2016"

    def __post_init__(self) -> None:
        if self.kernel < 1 or self.kernel % 2 == 0 or self.noise < 0:
            raise ConfigError("an identity convolution needs an odd kernel and a noise of at least 0", got=self)

    def places(self, graph: Graph) -> list[str]:
        """ReLUs of images, but for one that is the output."""
        return [n.name for n in graph.nodes[:-1] if n.operation.activates and len(n.shape) == 3]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Adds a layer at the ReLU `place`.

        Raises:
            MorphismError: there is no ReLU of this name, or not one of images.
        """
        node = node_at(network.graph, place, "relu")
        if node is network.graph.nodes[-1]:
            raise MorphismError("the output stays what it is", got=place)
        if len(node.shape) != 3:
            raise MorphismError(f"a convolution reads images, and {place!r} gives none", got=node.shape)
        draft, c = Draft(network.graph), node.shape[0]
        before = place if self.behind else draft[place].inputs[0]
        conv, norm, relu = (f"{draft.fresh(f'{place}/deeper')}/{part}" for part in ("conv", "norm", "relu"))
        attrs = {"out": c, "kernel": self.kernel, "padding": self.kernel // 2}
        lines = [Line(conv, "conv", (before,), attrs), Line(norm, "batch_norm", (conv,))]
        if self.behind:
            lines.append(Line(relu, "relu", (norm,)))
            draft.redirect(before, relu)
        else:
            draft[place].inputs = (norm,)
        draft.insert(before, *lines)
        like = next(iter(network.weights.values()))
        weight = torch.zeros(c, c, self.kernel, self.kernel)
        weight[range(c), range(c), self.kernel // 2, self.kernel // 2] = 1
        weight += self.noise * torch.randn(weight.shape, generator=generator)
        mean, var = (value.to(like) for value in self._statistics(network, before, c))
        new = {f"{conv}/weight": weight.to(like), f"{norm}/weight": (var + EPS).sqrt(), f"{norm}/bias": mean.clone()}
        stats = {**network.stats, f"{norm}/{MEAN}": mean, f"{norm}/{VAR}": var}
        return Network(draft.build(), {**network.weights, **new}, stats)

    def _statistics(self, network: Network, name: str, c: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of each channel of a node's output."""
        if self.images is None:
            return torch.zeros(c), torch.ones(c)
        var, mean = torch.var_mean(network.outputs(self.images)[name], dim=(0, 2, 3))
        return mean, var


# --- A new path that adds nothing yet ---


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

    def apply(self, network: Network, place: tuple[str, str], generator: torch.Generator) -> Network:
        """Adds a path for `place` = (from, to).

        Raises:
            MorphismError: no such nodes, in this order, with images of one size.
        """
        source, target = self._ends(network.graph, place)
        draft = Draft(network.graph)
        stem = draft.fresh(f"{target.name}/skip")
        relu, conv, norm, total = (f"{stem}/{part}" for part in ("relu", "conv", "norm", "sum"))
        draft.redirect(target.name, total)
        out, c = target.shape[0], source.shape[0]
        draft.insert(
            target.name,
            Line(relu, "relu", (source.name,)),
            Line(conv, "conv", (relu,), {"out": out, "kernel": 1}),
            Line(norm, "batch_norm", (conv,)),
            Line(total, "sum", (target.name, norm)),
        )
        like = next(iter(network.weights.values()))
        weight = torch.randn(out, c, 1, 1, generator=generator) * sqrt(2 / c)  # He et al., ICCV 2015
        zeros, ones = torch.zeros(out).to(like), torch.ones(out).to(like)
        new = {f"{conv}/weight": weight.to(like), f"{norm}/weight": zeros, f"{norm}/bias": zeros.clone()}
        stats = {**network.stats, f"{norm}/{MEAN}": zeros.clone(), f"{norm}/{VAR}": ones}
        return Network(draft.build(), {**network.weights, **new}, stats)

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


# --- Wider kernels: a ring of zeros around each ---


@dataclass(frozen=True)
class WiderKernel:
    """Makes the kernel of a convolution larger by a ring of zeros, and its padding with it: 1x1, 3x3, 5x5.

    Source: Wei, Wang, Rui & Chen, "Network Morphism", ICML 2016 (kernel size morphing).

    Attributes:
        largest: kernels of this size do not grow.
    """

    largest: int = 7
    source = "Wei et al., Network Morphism, ICML 2016"

    def places(self, graph: Graph) -> list[str]:
        """Convolutions whose kernels can grow."""
        return [n.name for n in graph.nodes if n.operation.convolves and n.attr["kernel"] + 2 <= self.largest]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Widens the kernel of the convolution `place`; `generator` is not used.

        Raises:
            MorphismError: no such convolution, or its kernel is large enough.
        """
        node = node_at(network.graph, place, "conv")
        if node.attr["kernel"] + 2 > self.largest:
            raise MorphismError(
                f"the kernel of {place!r} does not grow further", got=node.attr["kernel"], expected=f"< {self.largest}"
            )
        draft, name = Draft(network.graph), f"{place}/weight"
        attrs = draft[place].attrs
        attrs["kernel"] += 2
        attrs["padding"] += attrs["dilation"]
        return Network(
            draft.build(), {**network.weights, name: F.pad(network.weights[name], (1, 1, 1, 1))}, network.stats
        )
