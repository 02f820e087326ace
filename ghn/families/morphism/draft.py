"""A graph while it is being rewritten: nodes go by name, and shapes follow at the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from ghn.errors import GraphError, MorphismError
from ghn.graph.ir import Graph, GraphBuilder, Node


@dataclass
class Operation:
    """One operation of a draft; `inputs` are names."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attrs: dict[str, int] = field(default_factory=dict)


class Draft:
    """A copy of a graph that may be changed.

    Args:
        graph: is left as it is.

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

    def redirect(self, old: str, new: str, *, but: Collection[str] = ()) -> None:
        """Lets all that reads `old` read `new`, except the operations named in `but`."""
        for one in self.operations:
            if one.name not in but:
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
