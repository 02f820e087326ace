"""The graph IR: a frozen, validated, topologically ordered DAG of typed operations, and the builder of such graphs.

What follows from an operation, its attributes and the shapes of its inputs is checked and inferred by `derive` alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import prod
from numbers import Real
from typing import Any, ClassVar, NamedTuple

from ghn.display import card, facts, named, paragraph, picture
from ghn.errors import GraphError
from ghn.graph.calls import write_call
from ghn.graph.op import Attr, Op, Param, ParamSpec, Shape, get_op
from ghn.reading import from_json, reading
from ghn.shown import shown

SCHEMA = "ghn.graph/1"
MOST_NODES, MOST_WEIGHTS = 100_000, 1 << 36  # of a graph from elsewhere
HIDDEN = {"linear_weight": "matrix", "linear_bias": "bias"}  # kinds of a linear layer that is not the class head


AttrPairs = tuple[tuple[str, Attr], ...]


class Derived(NamedTuple):
    """All that a node's operation says of it."""

    attrs: AttrPairs  # complete and sorted
    shape: Shape | None  # None where the operation does not tell
    params: tuple[ParamSpec, ...]


def derive(op: str, inputs: tuple[Shape, ...], attrs: AttrPairs) -> Derived:
    """Completes the attributes of a node and infers its shape and parameters; `GraphError` for what does not fit."""
    return _derive(get_op(op), inputs, attrs)


@lru_cache(maxsize=1 << 14)  # the nodes of a space's networks are much the same
def _derive(op: Op, inputs: tuple[Shape, ...], attrs: AttrPairs) -> Derived:
    low, high = op.arity
    if len(inputs) < low or (high is not None and len(inputs) > high):
        expected = f"{low} to {'any' if high is None else high}"
        raise GraphError("wrong number of inputs", got=len(inputs), expected=expected)
    if op.infer is None:
        return Derived(tuple(sorted(attrs)), None, ())
    given: dict[str, Any] = dict(attrs)
    if unknown := set(given) - set(op.attrs):
        raise GraphError("unknown attribute", got=sorted(unknown), expected=sorted(op.attrs))
    if missing := sorted(k for k, v in op.attrs.items() if v is None and k not in given):
        raise GraphError("attribute missing", got=given, expected=missing)
    full = {k: v if isinstance(op.attrs[k], float) else _whole(k, v) for k, v in {**op.attrs, **given}.items()}
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
    op: str  # key in `ghn.graph.OPS`, or a call of PyTorch (`ghn.graph.calls`)
    inputs: tuple[int, ...]  # indices of earlier nodes, in the operation's order
    attrs: AttrPairs  # sorted (key, value) pairs, complete (defaults filled in)
    shape: Shape  # of the output, without the batch axis
    # its parameters, where they are named otherwise than after the node or are not known by its operation; two nodes
    # that share a parameter name the same one
    params: tuple[Param, ...] | None = None

    @property
    def operation(self) -> Op:
        """What is known of its operation."""
        return get_op(self.op)

    @property
    def attr(self) -> dict[str, Any]:
        """The attributes as a dict."""
        return dict(self.attrs)


@dataclass(frozen=True, repr=False)
class Graph:
    """A computation graph: node 0 is an input, the last node the output. `GraphError` names a wrong node."""

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

    def part(self, nodes: Sequence[Node], kept: Sequence[int | None]) -> Graph:
        """A graph of some of this one's nodes, whose inputs have the shapes that they had; not checked anew.

        `kept` says which node each was; None: another in its place, by the same name.
        """
        shapes = [node.shape for node in nodes]
        derived = [
            self._derived[k] if k is not None else derive(n.op, tuple(shapes[j] for j in n.inputs), n.attrs)
            for n, k in zip(nodes, kept, strict=True)
        ]
        graph = object.__new__(Graph)
        object.__setattr__(graph, "nodes", tuple(nodes))
        object.__setattr__(graph, "_derived", tuple(derived))
        return graph

    def _check_node(self, i: int, node: Node) -> Derived:
        try:
            if i == 0 and node.op != "input":
                raise GraphError("node 0 must be an input")
            if node.inputs and not (min(node.inputs) >= 0 and max(node.inputs) < i):
                raise GraphError("inputs must be earlier nodes", got=node.inputs, expected=f"indices in 0..{i - 1}")
            if not node.shape or min(node.shape) < 1:
                raise GraphError("sizes must be positive", got=node.shape)
            derived = derive(node.op, self.input_shapes(i), node.attrs)
            if node.attrs != derived.attrs:
                raise GraphError("attributes are not complete and sorted", got=node.attrs, expected=derived.attrs)
            if derived.shape is not None and node.shape != derived.shape:
                raise GraphError("shape does not follow from the inputs", got=node.shape, expected=derived.shape)
            if derived.shape is not None and node.params is not None:
                shapes = [shape for _, shape, _ in derived.params]
                if [p.shape for p in node.params] != shapes:
                    raise GraphError("parameters do not fit", got=[p.shape for p in node.params], expected=shapes)
        except GraphError as error:
            raise GraphError(f"node {i} ({node.name!r}, {node.op}): {error}") from None
        return derived

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return named(self, f"{len(self)} nodes", f"{list(self.input_shape)} -> {list(self.output_shape)}")

    def _repr_html_(self) -> str:
        """The picture, for notebooks."""
        from ghn.graph.picture import graph_svg  # with matplotlib: when it is looked at

        size = {"nodes": len(self), "input": list(self.input_shape), "output": list(self.output_shape)}
        svg = graph_svg(self)
        alt = f"A graph of {len(self)} nodes"
        drawn = paragraph("Too large to be drawn.") if svg is None else picture(svg, "svg+xml", alt, tall=480)
        return card("Graph", facts({**size, "parameters": self._weights}), drawn)

    @property
    def _weights(self) -> int:
        return sum(prod(param.shape) for param in self.params())

    def input_shapes(self, i: int) -> tuple[Shape, ...]:
        """Shapes of the inputs of node `i`."""
        return tuple(self.nodes[j].shape for j in self.nodes[i].inputs)

    @property
    def input_shape(self) -> Shape:
        """Shape of the (first) input, such as (c, h, w) of an image."""
        return self.nodes[0].shape

    @cached_property
    def class_head(self) -> int | None:
        """The linear layer whose output is the network's, up to what has no weights; None where there is none."""
        i = len(self) - 1
        while len(self.nodes[i].inputs) == 1 and not self.has_params(i):
            i = self.nodes[i].inputs[0]
        return i if self.nodes[i].op == "linear" and len(self.nodes[i].shape) == 1 else None

    @property
    def output_shape(self) -> Shape:
        """Shape of the output; (k,) for a classifier."""
        return self.nodes[-1].shape

    @cached_property
    def node_params(self) -> tuple[tuple[Param, ...], ...]:
        """The parameters of each node, in the order in which its operation takes them."""
        return tuple(map(self._params_of, range(len(self))))

    def _params_of(self, i: int) -> tuple[Param, ...]:
        node, specs = self.nodes[i], self._derived[i].params
        params = node.params
        if params is None:
            params = tuple(Param(f"{node.name}/{suffix}", shape, kind) for suffix, shape, kind in specs)
        if node.op == "linear" and i != self.class_head:  # a hidden one: no tile of classes fits it
            return tuple(Param(p.name, p.shape, HIDDEN[kind]) for p, (_, _, kind) in zip(params, specs, strict=True))
        return params

    def has_params(self, i: int) -> bool:
        """Whether node `i` has parameters."""
        own = self.nodes[i].params
        return bool(self._derived[i].params if own is None else own)

    def params(self) -> tuple[Param, ...]:
        """All parameters in node order, each once: what a `Weights` must provide."""
        return tuple(_first_of_each(p for ps in self.node_params for p in ps))

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
        return {"schema": SCHEMA, "nodes": [_node_to_json(n) for n in self.nodes]}

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
        with reading("a node in a graph's JSON is malformed", error=GraphError):
            if len(data["nodes"]) > MOST_NODES:
                raise GraphError("a graph's JSON has too many nodes", got=len(data["nodes"]), expected=MOST_NODES)
            graph = cls(tuple(_node_from_json(n) for n in data["nodes"]))
            if (size := graph._weights) > MOST_WEIGHTS:
                raise GraphError("a graph's JSON has too many weights", got=size, expected=f"at most {MOST_WEIGHTS}")
        return graph


def _first_of_each(params: Iterable[Param]) -> Iterator[Param]:
    """Each parameter where it is used first; a `GraphError` where another use has it in another shape."""
    seen: dict[str, Param] = {}
    for param in params:
        if param.name not in seen:
            seen[param.name] = param
            yield param
        elif seen[param.name].shape != param.shape:
            shapes = [seen[param.name].shape, param.shape]
            raise GraphError(f"the shared parameter {param.name!r} has two shapes", got=shapes)


def _node_to_json(n: Node) -> dict[str, Any]:
    own = {} if n.params is None else {"params": [[p.name, list(p.shape), p.kind] for p in n.params]}
    return {"name": n.name, "op": n.op, "inputs": list(n.inputs), "attrs": n.attr, "shape": list(n.shape)} | own


def _node_from_json(n: Mapping[str, Any]) -> Node:
    attrs = tuple(sorted((str(k), _exactly((int, float, str), v)) for k, v in n["attrs"].items()))
    own = None
    if "params" in n:
        own = tuple(Param(_exactly((str,), name), _sizes(s), _exactly((str,), kind)) for name, s, kind in n["params"])
    name, op = (_exactly((str,), n[key]) for key in ("name", "op"))
    return Node(name, op, _sizes(n["inputs"]), attrs, _sizes(n["shape"]), own)


_NAMES: Mapping[type, str] = {int: "an integer", float: "a number", str: "a string"}


def _sizes(values: Iterable[object]) -> tuple[int, ...]:
    return tuple(_exactly((int,), v) for v in values)


def _exactly(kinds: tuple[type, ...], value: object) -> Any:
    if type(value) not in kinds or (type(value) is int and value.bit_length() > 60):
        raise ValueError(f"{shown(value, 60)} is not {' or '.join(_NAMES[kind] for kind in kinds)}")
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

    def add(self, op: str, *inputs: int, name: str, **attrs: Attr) -> int:
        """Adds an operation and returns its index; `GraphError` for attributes, inputs or shapes that do not fit."""
        shapes = tuple(self._nodes[i].shape for i in inputs)
        try:
            derived = derive(op, shapes, tuple(attrs.items()))
        except GraphError as error:
            raise GraphError(f"{name!r} ({op}): {error}") from None
        if derived.shape is None:
            raise GraphError(f"{name!r} ({op}): the operation does not tell its shape", fix="make a Node of it")
        self._nodes.append(Node(name, op, inputs, derived.attrs, derived.shape))
        return len(self._nodes) - 1

    def call(
        self, op: str, *inputs: int, args: Sequence[Any], name: str, shape: Shape, params: Sequence[ParamSpec] = ()
    ) -> int:
        """Adds a call of PyTorch (`ghn.graph.calls`), which does not tell shape and parameters, and returns its index.

        Args:
            op: the operator, such as `aten.softmax.int`.
            inputs: indices of nodes.
            args: what it is called with, where `{"x": i}` is input i, `{"w": i}` parameter i, `{"b": k}` a size of k
                batches.
            name: of the node.
            shape: of what it gives, without the batch.
            params: suffix, shape and kind of each parameter.
        """
        own = tuple(Param(f"{name}/{suffix}", of, kind) for suffix, of, kind in params)
        text = write_call(args, {}, lambda value: value if isinstance(value, dict) else None)
        self._nodes.append(Node(name, op, inputs, (("call", text),), shape, own or None))
        return len(self._nodes) - 1

    def shape(self, index: int) -> Shape:
        """Shape of a node added before."""
        return self._nodes[index].shape

    def build(self, output: int) -> Graph:
        """The graph; nodes added after `output` are dropped, so that it comes last."""
        return Graph(tuple(self._nodes[: output + 1]))
