"""Reads a user's `torch.nn.Module` into the IR, its weights along with it.

Keep this file and the modules that it traces out of a jaxtyping import hook: its checks break `torch.fx`.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, fx, nn

from ghn.errors import GraphError
from ghn.graph.builder import GraphBuilder
from ghn.graph.derive import derive
from ghn.graph.ir import Graph
from ghn.graph.op import Shape
from ghn.graph.ops import zero_attrs
from ghn.graph.translate import LAYERS, supported
from ghn.graph.translate_calls import CALLS, Layer, Unsupported

_SIZE = -1  # in the place of a node's index: a size, which only flattening reads


class Traced(NamedTuple):
    """A module as a graph.

    Attributes:
        graph: its operations; a node is named after the module that it was, with "/" for ".".
        weights: its parameters by the names of `graph.params()`, copied.
        stats: running statistics of its normalisations, by the names of `GraphModule(graph, running_stats=True)`. Run
            without them, the graph uses batch statistics, as scoring does.
    """

    graph: Graph
    weights: dict[str, Tensor]
    stats: dict[str, Tensor]


def trace(module: nn.Module, input_shape: Shape) -> Traced:
    """Traces a module that takes one batch of images and gives one tensor.

    Dropout counts as an identity, as it is in evaluation. A linear layer without bias, or a normalisation without scale
    and shift, gets those that change nothing: they count as parameters.

    Args:
        module: the network; it is not changed.
        input_shape: (c, h, w) of its images.

    Raises:
        GraphError: an operation that the IR lacks, weights used twice, control flow that depends on the images; names
            the module, and says what is supported.
    """
    try:
        traced = fx.Tracer().trace(module)
    except Exception as error:  # whatever the user's own forward raises when it is handed symbols
        raise GraphError(
            f"{type(module).__name__} cannot be traced",
            got=f"{type(error).__name__}: {error}",
            expected="a forward of one batch of images without control flow that depends on them (torch.fx)",
        ) from error
    return _Translator(module, input_shape).run(traced)


class _Translator:
    """Adds one node of the IR for each step that torch.fx has found."""

    def __init__(self, module: nn.Module, input_shape: Shape) -> None:
        self.modules = dict(module.named_modules())
        self.builder = GraphBuilder(input_shape)
        self.index: dict[fx.Node, int] = {}
        self.names: set[str] = {"input"}
        self.used: set[int] = set()  # ids of parameters
        self.weights: dict[str, Tensor] = {}
        self.stats: dict[str, Tensor] = {}

    def run(self, traced: fx.Graph) -> Traced:
        """Translates every step, in order."""
        for node in traced.nodes:
            try:
                if node.op == "output":
                    return self._finished(node)
                self.index[node] = self._step(node)
            except Unsupported as error:
                raise GraphError(f"{_where(node)}: {error}", expected=supported()) from None
            except (GraphError, TypeError) as error:  # shapes that do not fit, or arguments that no translator has
                raise GraphError(f"{_where(node)}: {error}") from None
        raise AssertionError("torch.fx gives every graph an output")

    def _finished(self, node: fx.Node) -> Traced:
        (out,) = node.args
        if not isinstance(out, fx.Node) or self.index[out] == _SIZE:
            raise Unsupported("an output that is not one tensor")
        graph = self.builder.build(self.index[out])
        names, kept = {p.name for p in graph.params()}, {n.name for n in graph.nodes}
        return Traced(
            graph,
            {name: weight for name, weight in self.weights.items() if name in names},
            {name: value for name, value in self.stats.items() if name.rsplit("/", 1)[0] in kept},
        )

    def _step(self, node: fx.Node) -> int:
        if node.op == "placeholder":
            if self.index:
                raise Unsupported("a second input")
            return self.builder.input
        if node.op == "call_module":
            return self._module(node)
        if node.op == "get_attr":
            raise Unsupported("a parameter or buffer used outside of a layer")
        call = CALLS.get(node.target)
        if call is None:
            raise Unsupported(f"the call {getattr(node.target, '__name__', node.target)!r}")
        return self._add(call(*node.args, **node.kwargs), node.name)

    def _module(self, node: fx.Node) -> int:
        layer = self.modules[str(node.target)]
        translate = LAYERS.get(type(layer))
        if translate is None:
            raise Unsupported(f"the layer {type(layer).__name__}")
        found = translate(layer)._replace(inputs=tuple(node.args) + tuple(node.kwargs.values()))
        name = str(node.target).replace(".", "/")
        own = {id(p) for p in layer.parameters(recurse=False)}
        if own & self.used:
            raise Unsupported("weights that are used twice")
        self.used |= own
        return self._add(found, name)

    def _add(self, layer: Layer, name: str) -> int:
        inputs = [self.index[x] for x in layer.inputs if isinstance(x, fx.Node)]
        if layer.op == "size" or (layer.op == "item" and inputs == [_SIZE]):
            return _SIZE
        if len(inputs) != len(layer.inputs) or _SIZE in inputs or layer.op == "item":
            raise Unsupported(f"{layer.op} of {', '.join(map(str, layer.inputs))}")
        if layer.op == "flatten":
            return self._flattened(inputs[0], layer.attrs.get("channels", -1), name)
        attrs = layer.attrs
        if layer.op == "zero":
            attrs = zero_attrs(self.builder.shape(inputs[0]))
        shapes = tuple(map(self.builder.shape, inputs))
        for suffix, shape, _ in derive(layer.op, shapes, tuple(attrs.items())).params:
            if (got := tuple(layer.weights[suffix].shape)) != shape:
                raise GraphError(f"{suffix} does not fit an input of shape {shapes[0]}", got=got, expected=shape)
        name = self._name(name)
        index = self.builder.add(layer.op, *inputs, name=name, **attrs)
        self.weights |= {f"{name}/{key}": value.detach().clone() for key, value in layer.weights.items()}
        self.stats |= {f"{name}/{key}": value.detach().clone() for key, value in layer.stats.items()}
        return index

    def _flattened(self, index: int, channels: int, name: str) -> int:
        """A vector stays; a map of one pixel becomes one."""
        shape = self.builder.shape(index)
        if channels not in (-1, shape[0]):
            raise Unsupported(f"a view of {shape} with {channels} columns")
        if len(shape) == 1:
            return index
        if shape[1:] != (1, 1):
            raise Unsupported(f"flattening a map of {shape[1]}x{shape[2]} pixels: pool it to one first")
        return self.builder.add("global_pool", index, name=self._name(name))

    def _name(self, wanted: str) -> str:
        """The name, with a number where it is taken."""
        name, number = wanted, 1
        while name in self.names:
            number += 1
            name = f"{wanted}_{number}"
        self.names.add(name)
        return name


def _where(node: fx.Node) -> str:
    """The innermost module in which a step stands; the traced one itself has no path."""
    stack = node.meta.get("nn_module_stack") or {}
    path = str(node.target) if node.op == "call_module" else next((str(p) for p, _ in reversed(stack.values())), "")
    return f"module {path!r}, step {node.name!r}"
