"""A new path that adds nothing yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch

from ghn.errors import MorphismError
from ghn.graph.ir import Graph, Node
from ghn.graph.morphism.draft import Draft, Line, node_at
from ghn.graph.morphism.network import MEAN, VAR, Network


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
        images = [n for n in graph.nodes[1:-1] if len(n.shape) == 3 and n.op != "zero"]
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
