"""The graph IR: a frozen, validated, topologically ordered DAG of typed operations, and the builder of such graphs.

What follows from an operation, its attributes and the shapes of its inputs is checked and inferred by `derive` alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from numbers import Real
from typing import Any, ClassVar, NamedTuple, TypeVar

from ghn.errors import GraphError
from ghn.files import from_json
from ghn.graph.op import Op, Param, ParamSpec, Shape, get_op

SCHEMA = "ghn.graph/1"
T = TypeVar("T", int, str)


class Derived(NamedTuple):
    """All that a node's operation says of it."""

    attrs: tuple[tuple[str, int], ...]  # complete and sorted
    shape: Shape
    params: tuple[ParamSpec, ...]


def derive(op: str, inputs: tuple[Shape, ...], attrs: tuple[tuple[str, int], ...]) -> Derived:
    """Completes the attributes of a node and infers its shape and parameters; `GraphError` for what does not fit."""
    return _derive(get_op(op), inputs, attrs)


@lru_cache(maxsize=1 << 14)  # the nodes of a space's networks are much the same
def _derive(op: Op, inputs: tuple[Shape, ...], attrs: tuple[tuple[str, int], ...]) -> Derived:
    low, high = op.arity
    if len(inputs) < low or (high is not None and len(inputs) > high):
        expected = f"{low} to {'any' if high is None else high}"
        raise GraphError("wrong number of inputs", got=len(inputs), expected=expected)
    given = dict(attrs)
    if unknown := set(given) - set(op.attrs):
        raise GraphError("unknown attribute", got=sorted(unknown), expected=sorted(op.attrs))
    if missing := sorted(k for k, v in op.attrs.items() if v is None and k not in given):
        raise GraphError("attribute missing", got=given, expected=missing)
    full = {k: _whole(k, v) for k, v in {**op.attrs, **given}.items()}
    return Derived(tuple(sorted(full.items())), op.infer(inputs, full), op.params(inputs, full))


def _whole(name: str, value: Any) -> int:
    if not isinstance(value, Real) or value != value // 1:
        raise GraphError(f"attribute {name} must be a whole number", got=repr(value))
    return int(value)  # type: ignore[call-overload]


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    Its name is structural and unique in its graph: the same role has the same name in every architecture of a space. It
    may hold "/", never ".".
    """

    name: str
    op: str  # key in `ghn.graph.OPS`
    inputs: tuple[int, ...]  # indices of earlier nodes, in the operation's order
    attrs: tuple[tuple[str, int], ...]  # sorted (key, value) pairs, complete (defaults filled in)
    shape: Shape  # of the output, without the batch axis

    @property
    def operation(self) -> Op:
        """What is known of its operation."""
        return get_op(self.op)

    @property
    def attr(self) -> dict[str, int]:
        """The attributes as a dict."""
        return dict(self.attrs)


@dataclass(frozen=True)
class Graph:
    """A computation graph: node 0 is the only input, the last node the output. `GraphError` names a wrong node."""

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
        """Reads what `to_json` wrote (a dict, or its text); `GraphError` for all that is not a valid graph."""
        if isinstance(data, str):
            try:
                data = from_json(data)
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
    attrs = tuple(sorted((str(k), _exactly(int, v)) for k, v in n["attrs"].items()))
    inputs, shape = (tuple(_exactly(int, v) for v in n[key]) for key in ("inputs", "shape"))
    return Node(_exactly(str, n["name"]), _exactly(str, n["op"]), inputs, attrs, shape)


def _exactly(kind: type[T], value: object) -> T:
    if type(value) is not kind:
        raise ValueError(f"{value!r} is not {'a string' if kind is str else 'an integer'}")
    return value


class GraphBuilder:
    """Adds nodes in topological order and hands back their indices.

    Example:
        >>> b = GraphBuilder((3, 32, 32))
        >>> x = b.add("conv", b.input, name="stem/conv", out=16, kernel=3, padding=1)
        >>> x = b.add("global_pool", x, name="pool")
        >>> graph = b.build(b.add("linear", x, name="head", out=10))
    """

    input = 0

    def __init__(self, input_shape: Shape) -> None:
        self._nodes = [Node("input", "input", (), (), tuple(input_shape))]

    def add(self, op: str, *inputs: int, name: str, **attrs: int) -> int:
        """Adds an operation and returns its index; `GraphError` for attributes, inputs or shapes that do not fit."""
        shapes = tuple(self._nodes[i].shape for i in inputs)
        try:
            derived = derive(op, shapes, tuple(attrs.items()))
        except GraphError as error:
            raise GraphError(f"{name!r} ({op}): {error}") from None
        self._nodes.append(Node(name, op, inputs, derived.attrs, derived.shape))
        return len(self._nodes) - 1

    def shape(self, index: int) -> Shape:
        """Shape of a node added before."""
        return self._nodes[index].shape

    def build(self, output: int) -> Graph:
        """The graph; nodes added after `output` are dropped, so that it comes last."""
        return Graph(tuple(self._nodes[: output + 1]))
