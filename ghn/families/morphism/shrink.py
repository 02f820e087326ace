"""After a change that is not exact: layers are solved for the outputs that they had.

Approximate morphisms: what makes a network smaller cannot keep its function, but can stay near it.

Source: Elsken, Metzen & Hutter, LEMONADE, ICLR 2019: approximate network morphisms - a layer, channels or a path less.
Each takes `images` on which what is left is solved by least squares for the outputs that it had (`refit`); without
them, weights are cut out and left as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError, MorphismError
from ghn.families.morphism.exact import Channels, Wider, reindex
from ghn.families.morphism.network import EPS, MEAN, VAR, Draft, Network, node_at, stat_shapes
from ghn.graph.ir import Graph, Node
from ghn.graph.op import Stats, get_op
from ghn.graph.simplify import simplify

RIDGE = 1e-3  # pull of each weight towards where it was, as a share of the mean square of its input
SAME = 1e-4  # relative difference up to which an input counts as unchanged

Tensors = dict[str, Tensor]


@torch.no_grad()
def refit(
    child: Network, parent: Network, images: Float[Tensor, "b c h w"], kept: Mapping[str, np.ndarray] | None = None
) -> Network:
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
    return Network(graph, weights, stats)


def _output(graph: Graph, i: int, inputs: list[Tensor], weights: Tensors, stats: Tensors) -> Tensor:
    """The output of one node in evaluation mode."""
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


# --- Approximate morphisms: what makes a network smaller cannot keep its function, but can stay near it ---

Images = Float[Tensor, "b c h w"]
_SOURCE = "Elsken et al., LEMONADE, ICLR 2019"


@dataclass(frozen=True, eq=False)
class Narrower:
    """Drops the channels of a layer, and of all that is tied to it, whose filters are smallest.

    Source: Li, Kadav, Durdanovic, Samet & Graf, "Pruning Filters for Efficient ConvNets", ICLR 2017:
    sums of absolute weights, over all layers that are tied by sums.

    Attributes:
        factor: new by old number of channels, below 1; at least one is dropped, and one is left.
        images: for least squares, `[b c h w]`.
    """

    factor: float = 0.5
    images: Images | None = None
    source = _SOURCE

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise ConfigError("narrowing needs a factor between 0 and 1", got=self.factor)

    def places(self, graph: Graph) -> list[str]:
        """Convolutions and linear layers of several channels that may be fewer."""
        several = {n.name for n in graph.nodes if n.shape[0] > 1}
        return [name for name in Wider().places(graph) if name in several]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Narrows the layer `place`; `generator` is not used.

        Raises:
            MorphismError: no such layer, its channels are bound, or it has only one.
        """
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
class Shallower:
    """Takes out a convolution with its normalisation; what read them reads the convolution's input.

    Attributes:
        images: for least squares, `[b c h w]`.
    """

    images: Images | None = None
    source = _SOURCE

    def places(self, graph: Graph) -> list[str]:
        """Convolutions that give as many channels and pixels as they read."""
        each = enumerate(graph.nodes[:-1])
        return [n.name for i, n in each if n.operation.convolves and graph.input_shapes(i)[0] == n.shape]

    def apply(self, network: Network, place: str, generator: torch.Generator) -> Network:
        """Removes the convolution `place`; `generator` is not used.

        Raises:
            MorphismError: no such convolution, or others need the shape that it makes.
        """
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
class Unskip:
    """Takes a term out of a sum, and all that nothing else reads with it.

    Attributes:
        images: for least squares, `[b c h w]`.
    """

    images: Images | None = None
    source = _SOURCE

    def places(self, graph: Graph) -> list[tuple[str, str]]:
        """Pairs (sum, term), for sums of several."""
        sums = [n for n in graph.nodes if n.operation.adds and len(n.inputs) > 1]
        return [(n.name, graph.nodes[j].name) for n in sums for j in dict.fromkeys(n.inputs)]

    def apply(self, network: Network, place: tuple[str, str], generator: torch.Generator) -> Network:
        """Removes the term `place` = (sum, term), once; `generator` is not used.

        Raises:
            MorphismError: no such sum or term, or the only one.
        """
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


def _smaller(network: Network, draft: Draft, images: Images | None) -> Network:
    """The live part of a draft, with the weights that it still needs."""
    graph = simplify(draft.build())
    weights = {p.name: network.weights[p.name] for p in graph.params()}
    child = Network(graph, weights, {name: network.stats[name] for name in stat_shapes(graph)})
    return child if images is None else refit(child, network, images)


def _filter_sizes(network: Network, channels: Channels) -> np.ndarray:
    """For each class the sum of absolute weights of all filters that make its channels."""
    size = np.zeros(channels.count())
    for node, own in zip(network.graph.nodes, channels.of, strict=True):
        if node.operation.mixes:
            np.add.at(size, own, network.weights[f"{node.name}/weight"].abs().flatten(1).sum(1).cpu().numpy())
    return size
