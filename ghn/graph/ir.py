"""The graph IR: a frozen, validated, topologically ordered DAG of typed operations."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

from ghn.errors import GraphError
from ghn.graph.derive import Derived, derive
from ghn.graph.op import Param, Shape

SCHEMA = "ghn.graph/1"


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Attributes:
        name: structural and unique in its graph; the same role has the same name in every architecture of a space.
            May hold "/", never ".".
        op: key in `ghn.graph.OPS`.
        inputs: indices of earlier nodes, in the operation's order.
        attrs: sorted (key, value) pairs, complete (defaults filled in).
        shape: output shape without the batch axis.
    """

    name: str
    op: str
    inputs: tuple[int, ...]
    attrs: tuple[tuple[str, int], ...]
    shape: Shape

    @property
    def attr(self) -> dict[str, int]:
        """The attributes as a dict."""
        return dict(self.attrs)


@dataclass(frozen=True)
class Graph:
    """A computation graph: node 0 is the only input, the last node the output.

    Raises:
        GraphError: on construction, naming the node that is wrong.
    """

    nodes: tuple[Node, ...]
    _derived: ClassVar[tuple[Derived, ...]]  # an attribute of each graph, but not one of its fields

    def __post_init__(self) -> None:
        if len(self.nodes) < 2:
            raise GraphError("a graph needs an input and at least one operation", got=f"{len(self.nodes)} nodes")
        names: set[str] = set()
        for i, node in enumerate(self.nodes):
            if node.name in names or not node.name or "." in node.name:
                raise GraphError(f"node {i}: names must be unique, not empty, and without '.'", got=repr(node.name))
            names.add(node.name)
        object.__setattr__(self, "_derived", tuple(self._check_node(i, node) for i, node in enumerate(self.nodes)))

    def _check_node(self, i: int, node: Node) -> Derived:
        try:
            if (node.op == "input") != (i == 0):
                raise GraphError("node 0, and no other, is the input")
            if node.inputs and not (min(node.inputs) >= 0 and max(node.inputs) < i):
                raise GraphError("inputs must be earlier nodes", got=node.inputs, expected=f"indices in 0..{i - 1}")
            if not node.shape or min(node.shape) < 1:
                raise GraphError("sizes must be positive", got=node.shape)
            derived = derive(node.op, self.input_shapes(i), node.attrs)
            if node.attrs != derived.attrs:
                raise GraphError("attributes are not complete and sorted", got=node.attrs, expected=derived.attrs)
            if i and node.shape != derived.shape:
                raise GraphError("shape does not follow from the inputs", got=node.shape, expected=derived.shape)
        except GraphError as error:
            raise GraphError(f"node {i} ({node.name!r}, {node.op}): {error}") from None
        return derived

    def __len__(self) -> int:
        return len(self.nodes)

    def input_shapes(self, i: int) -> tuple[Shape, ...]:
        """Shapes of the inputs of node `i`."""
        return tuple(self.nodes[j].shape for j in self.nodes[i].inputs)

    @property
    def input_shape(self) -> Shape:
        """Shape (c, h, w) of the image that the graph reads."""
        return self.nodes[0].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output; (k,) for a classifier."""
        return self.nodes[-1].shape

    @cached_property
    def node_params(self) -> tuple[tuple[Param, ...], ...]:
        """The parameters of each node, in the order in which its operation takes them."""
        return tuple(
            tuple(Param(f"{node.name}/{suffix}", shape, kind) for suffix, shape, kind in derived.params)
            for node, derived in zip(self.nodes, self._derived, strict=True)
        )

    def has_params(self, i: int) -> bool:
        """Whether node `i` has parameters."""
        return bool(self._derived[i].params)

    def params(self) -> tuple[Param, ...]:
        """All parameters in node order: what a `Weights` must provide."""
        return tuple(p for ps in self.node_params for p in ps)

    @cached_property
    def consumers(self) -> tuple[tuple[int, ...], ...]:
        """For each node the nodes that read it; one entry a use."""
        out: list[list[int]] = [[] for _ in self.nodes]
        for i, node in enumerate(self.nodes):
            for j in node.inputs:
                out[j].append(i)
        return tuple(map(tuple, out))

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Longest distance of each node from the input, in edges; a node's inputs are all on lower levels."""
        levels: list[int] = []
        for node in self.nodes:
            levels.append(1 + max([levels[j] for j in node.inputs], default=-1))
        return tuple(levels)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict; `from_json` gives an equal graph back."""
        nodes = [
            {"name": n.name, "op": n.op, "inputs": list(n.inputs), "attrs": n.attr, "shape": list(n.shape)}
            for n in self.nodes
        ]
        return {"schema": SCHEMA, "nodes": nodes}

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | str) -> Graph:
        """Reads what `to_json` wrote (a dict, or its text), validating everything.

        Raises:
            GraphError: not such a dict, or not a valid graph.
        """
        if isinstance(data, str):
            try:
                data = json.loads(data)
            except json.JSONDecodeError as error:
                raise GraphError("a graph's JSON cannot be read", got=str(error)) from None
        if not isinstance(data, Mapping) or data.get("schema") != SCHEMA:
            got = data.get("schema") if isinstance(data, Mapping) else type(data).__name__
            raise GraphError("not a graph's JSON", got=f"schema {got!r}", expected=f"schema {SCHEMA!r}")
        try:
            nodes = tuple(_node_from_json(n) for n in data["nodes"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise GraphError("a node in a graph's JSON is malformed", got=f"{type(error).__name__}: {error}") from None
        return cls(nodes)


def _node_from_json(n: Mapping[str, Any]) -> Node:
    attrs = tuple(sorted((str(k), _integer(v)) for k, v in n["attrs"].items()))
    inputs, shape = tuple(map(_integer, n["inputs"])), tuple(map(_integer, n["shape"]))
    return Node(_string(n["name"]), _string(n["op"]), inputs, attrs, shape)


def _string(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is not a string")
    return value


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"{value!r} is not an integer")
    return value
