"""Reads a user's `torch.nn.Module` into the IR, its weights along with it.

`torch.fx` finds the steps; each operation says which layers and calls mean it (`Op.layers`, `Op.calls`). What only
looks at shapes, and becomes no operation of its own, stands here.

Keep this file and the modules that it traces out of a jaxtyping import hook: its checks break `torch.fx`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx, nn

from ghn.errors import GraphError
from ghn.graph.ir import Graph, GraphBuilder, derive
from ghn.graph.op import OPS, Shape, Translation, Unsupported, get_op, layer_of, refuse
from ghn.graph.ops import zero_attrs

Meaning = tuple[str, Callable[..., Translation]]  # an operation, or `flatten`, `size`, `item`; and how to read it


def _flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Translation:
    refuse((start_dim, end_dim) not in ((1, -1), (1, 3)), "flattening that takes the batch along: flatten(x, 1)")
    return Translation((input,))


def _view(input: Any, *shape: Any) -> Translation:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    refuse(len(sizes) != 2, f"a view of shape {sizes}: only flattening to (batch, channels)")
    return Translation((input,), {"channels": sizes[1]} if isinstance(sizes[1], int) else {})


def _squeeze(input: Any, dim: Any = None) -> Translation:
    refuse(dim not in (None, 2, 3, -1, -2, (2, 3), (-2, -1)), f"squeeze over {dim}: only over height and width")
    return Translation((input,))


def _shape(input: Any, name: Any = None) -> Translation:
    refuse(not (name is None or isinstance(name, int) or name == "shape"), f"the attribute {name!r}")
    return Translation((input,))


def _layers() -> dict[Any, Meaning]:
    """What each layer means."""
    found: dict[Any, Meaning] = {key: (op.name, read) for op in OPS.values() for key, read in op.layers.items()}
    return found | {nn.Flatten: ("flatten", layer_of(_flatten))}


def _calls() -> dict[Any, Meaning]:
    """What each function, and each method by its name, means."""
    found: dict[Any, Meaning] = {key: (op.name, read) for op in OPS.values() for key, read in op.calls.items()}
    return found | {
        **dict.fromkeys((torch.flatten, "flatten"), ("flatten", _flatten)),
        **dict.fromkeys(("view", "reshape", torch.reshape), ("flatten", _view)),
        **dict.fromkeys(("squeeze", torch.squeeze), ("flatten", _squeeze)),
        **dict.fromkeys(("size", getattr), ("size", _shape)),
        operator.getitem: ("item", lambda input, index: Translation((input,))),
    }


def supported() -> str:
    """The layers and calls that can be translated, for messages."""
    calls = sorted({key if isinstance(key, str) else key.__name__ for key in _calls()})
    return f"the layers {', '.join(layer.__name__ for layer in _layers())}; the calls {', '.join(calls)}"


_SIZE = -1  # in the place of a node's index: a size, which only flattening reads


class Traced(NamedTuple):
    """A module as a graph. Run without running statistics, it uses batch statistics, as scoring does."""

    graph: Graph  # its operations; a node is named after the module that it was, with "/" for "."
    weights: dict[str, Tensor]  # its parameters by the names of `graph.params()`, copied
    stats: dict[str, Tensor]  # those of its normalisations, by the names of `Interpreter(graph, running_stats=True)`


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
        self.modules, self.layers, self.calls = dict(module.named_modules()), _layers(), _calls()
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
        kept = {node.name for node in graph.nodes}
        weights, stats = (
            {name: value for name, value in tensors.items() if name.rsplit("/", 1)[0] in kept}
            for tensors in (self.weights, self.stats)
        )
        return Traced(graph, weights, stats)

    def _step(self, node: fx.Node) -> int:
        if node.op == "placeholder":
            if self.index:
                raise Unsupported("a second input")
            return self.builder.input
        if node.op == "call_module":
            return self._module(node)
        if node.op == "get_attr":
            raise Unsupported("a parameter or buffer used outside of a layer")
        if node.target not in self.calls:
            target = node.target if isinstance(node.target, str) else node.target.__name__
            raise Unsupported(f"the call {target!r}")
        op, read = self.calls[node.target]
        return self._add(op, read(*node.args, **node.kwargs), node.name)

    def _module(self, node: fx.Node) -> int:
        layer = self.modules[str(node.target)]
        if type(layer) not in self.layers:
            raise Unsupported(f"the layer {type(layer).__name__}")
        op, read = self.layers[type(layer)]
        found = read(layer)._replace(inputs=(*node.args, *node.kwargs.values()))
        own = {id(p) for p in layer.parameters(recurse=False)}
        if own & self.used:
            raise Unsupported("weights that are used twice")
        self.used |= own
        return self._add(op, found, str(node.target).replace(".", "/"))

    def _add(self, op: str, found: Translation, name: str) -> int:
        inputs = [self.index[x] for x in found.inputs if isinstance(x, fx.Node)]
        if op == "size" or (op == "item" and inputs == [_SIZE]):
            return _SIZE
        if len(inputs) != len(found.inputs) or _SIZE in inputs or op == "item":
            raise Unsupported(f"{op} of {', '.join(map(str, found.inputs))}")
        if op == "flatten":
            return self._flattened(inputs[0], found.attrs.get("channels", -1), name)
        shapes = tuple(map(self.builder.shape, inputs))
        attrs = zero_attrs(shapes[0]) if get_op(op).cuts else found.attrs
        for suffix, shape, _ in derive(op, shapes, tuple(attrs.items())).params:
            given = found.weights.get(suffix)
            if (got := None if given is None else tuple(given.shape)) != shape:
                raise GraphError(f"{suffix} does not fit an input of shape {shapes[0]}", got=got, expected=shape)
        name = self._name(name)
        index = self.builder.add(op, *inputs, name=name, **attrs)
        self.weights |= {f"{name}/{key}": value.detach().clone() for key, value in found.weights.items()}
        self.stats |= {f"{name}/{key}": value.detach().clone() for key, value in found.stats.items()}
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
