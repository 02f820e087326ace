"""A network that can be changed: its graph, weights and statistics, which always fit; and a graph being rewritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.display import brief
from ghn.errors import GraphError, MorphismError
from ghn.graph.interpreter import Interpreter, Ran
from ghn.graph.ir import Graph, GraphBuilder, Node

EPS = 1e-5  # that batch_norm adds to a variance: the default of PyTorch, which ghn.graph.ops leaves as it is
MEAN, VAR = "running_mean", "running_var"


@brief
@dataclass(frozen=True, eq=False)
class WeightedNetwork:
    """A graph with all that it needs to run in evaluation mode.

    Raises:
        GraphError: a tensor is missing, one too many, or of the wrong shape.
    """

    graph: Graph  # what to run
    weights: Mapping[str, Tensor]  # by the names of `graph.params()`
    stats: Mapping[str, Tensor]  # `[c]`, by the names of `stat_shapes`

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
    """A change of a network that keeps its function, or nearly so; it leaves the network that it is given as it is."""

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
    """Names and shapes of running statistics: `NODE/running_mean` and `NODE/running_var` of each normalisation."""
    norms = [node for node in graph.nodes if node.operation.has_stats]
    return {f"{node.name}/{which}": node.shape[:1] for node in norms for which in (MEAN, VAR)}


@dataclass
class Operation:
    """One operation of a draft; `inputs` are names."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: dict[str, int] = field(default_factory=dict)


class Draft:
    """A copy of a graph that may be changed: nodes go by name, and shapes follow at the end.

    Attributes:
        operations: those after the input, in topological order.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        names = [node.name for node in graph.nodes]
        self.operations = [Operation(n.name, n.op, tuple(names[j] for j in n.inputs), n.attr) for n in graph.nodes[1:]]

    def __getitem__(self, name: str) -> Operation:
        return next(one for one in self.operations if one.name == name)

    def fresh(self, stem: str) -> str:
        """A prefix that no name begins with: `stem`, or `stem2`, `stem3` and so on."""
        taken = {one.name for one in self.operations}
        numbered = (stem if i == 1 else f"{stem}{i}" for i in range(1, len(taken) + 2))
        return next(s for s in numbered if not any(name == s or name.startswith(f"{s}/") for name in taken))

    def insert(self, after: str, *new: Operation) -> None:
        """Puts operations behind that of a name."""
        place = next((i for i, one in enumerate(self.operations) if one.name == after), -1)
        self.operations[place + 1 : place + 1] = new

    def redirect(self, old: str, new: str) -> None:
        """Lets all that reads `old` read `new`."""
        for one in self.operations:
            one.inputs = tuple(new if name == old else name for name in one.inputs)

    def remove(self, name: str) -> None:
        self.operations = [one for one in self.operations if one.name != name]

    def build(self) -> Graph:
        """The new graph, with shapes inferred."""
        builder = GraphBuilder(self._graph.input_shape)
        index = {self._graph.nodes[0].name: builder.input}
        try:
            for one in self.operations:
                inputs = [index[name] for name in one.inputs]
                index[one.name] = builder.add(one.op, *inputs, name=one.name, **one.attrs)
            graph = builder.build(index[self._graph.nodes[-1].name])
        except GraphError as error:
            raise MorphismError(f"the changed network does not fit together: {error}") from None
        root = self._graph.nodes[0]
        return graph if root.name == graph.nodes[0].name else Graph((root, *graph.nodes[1:]))


def node_at(graph: Graph, place: object, *ops: str) -> Node:
    """The node of a name, which must be of one of some operations."""
    node = next((n for n in graph.nodes if n.name == place), None)
    if node is None:
        raise MorphismError("no operation has this name", got=place, fix="see places(graph) for where it applies")
    if ops and node.op not in ops:
        raise MorphismError(f"{node.name!r} is a {node.op}", expected=" or ".join(ops))
    return node
