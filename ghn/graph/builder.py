"""Builds graphs node by node, inferring shapes on the way."""

from __future__ import annotations

from ghn.errors import GraphError
from ghn.graph.derive import derive
from ghn.graph.ir import Graph, Node
from ghn.graph.op import Shape


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
        """Adds an operation and returns its index.

        Raises:
            GraphError: unknown operation or attribute, wrong number of inputs, or shapes that do not fit.
        """
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
