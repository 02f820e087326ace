"""A network that can be changed: its graph, its weights and its running statistics, which always fit each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.interpreter import Interpreter, Ran
from ghn.graph.ir import Graph
from ghn.graph.op import get_op

EPS = 1e-5  # that batch_norm adds to a variance: the default of PyTorch, which ghn.graph.ops leaves as it is
MEAN, VAR = "running_mean", "running_var"


@dataclass(frozen=True, eq=False)
class WeightedNetwork:
    """A graph with all that it needs to run in evaluation mode.

    Attributes:
        graph: what to run.
        weights: by the names of `graph.params()`.
        stats: running mean and variance of each normalisation, `NODE/running_mean` and `NODE/running_var`, `[c]`.

    Raises:
        GraphError: a tensor is missing, one too many, or of the wrong shape.
    """

    graph: Graph
    weights: Mapping[str, Tensor]
    stats: Mapping[str, Tensor]

    def __post_init__(self) -> None:
        for what, wanted, given in (
            ("weights", {p.name: p.shape for p in self.graph.params()}, self.weights),
            ("running statistics", stat_shapes(self.graph), self.stats),
        ):
            found = {name: tuple(value.shape) for name, value in given.items()}
            if wrong := sorted(n for n in {*wanted, *found} if wanted.get(n) != found.get(n)):
                raise GraphError(
                    f"{what} do not fit the graph: {wrong[0]}", got=found.get(wrong[0]), expected=wanted.get(wrong[0])
                )

    @torch.no_grad()
    def __call__(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Logits in evaluation mode."""
        return self._run(images, ()).output

    def outputs(self, images: Float[Tensor, "b c h w"]) -> dict[str, Tensor]:
        """The output of every node by its name, in evaluation mode."""
        return dict(self._run(images, [node.name for node in self.graph.nodes]).inner)

    def _run(self, images: Tensor, watch: Sequence[str]) -> Ran:
        return Interpreter(self.graph, running_stats=True).run({**self.weights, **self.stats}, images, watch)


class Morphism(Protocol):
    """A change of a network that keeps its function, or nearly so, and never the network that it is given.

    Attributes:
        source: the paper.
    """

    @property
    def source(self) -> str: ...

    def places(self, graph: Graph) -> list[Any]:
        """Where it applies, in the order of the nodes."""
        ...

    def apply(self, network: WeightedNetwork, place: Any, generator: torch.Generator) -> WeightedNetwork:
        """The changed network.

        Raises:
            MorphismError: it does not apply there, and why.
        """
        ...


def stat_shapes(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the running statistics of a graph."""
    norms = [node for node in graph.nodes if get_op(node.op).has_stats]
    return {f"{node.name}/{which}": node.shape[:1] for node in norms for which in (MEAN, VAR)}
