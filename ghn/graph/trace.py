"""Reads a user's `torch.nn.Module` into the IR, its weights along with it.

`torch.fx` finds the steps; two tables say which operation each is: `CALLS` for functions and methods, `LAYERS` for
modules. A translator has the signature of what it translates, so that arguments are bound as PyTorch binds them.

Keep this file and the modules that it traces out of a jaxtyping import hook: its checks break `torch.fx`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from ghn.errors import GraphError
from ghn.graph.ir import Graph, GraphBuilder, derive
from ghn.graph.op import Shape
from ghn.graph.ops import zero_attrs


class Unsupported(GraphError):
    """A layer or call, or one of its settings, that the IR does not have."""


class Layer(NamedTuple):
    """What a layer or call becomes.

    Attributes:
        op: of the IR; or `flatten`, `size` and `item`, which become no node of their own.
        inputs: the values that it reads.
        attrs: of the operation.
        weights: parameters by their suffix.
        stats: running statistics by their suffix.
    """

    op: str
    inputs: tuple[Any, ...] = ()
    attrs: Mapping[str, int] = {}
    weights: Mapping[str, Tensor] = {}
    stats: Mapping[str, Tensor] = {}


# --- functions and methods ---


def _refuse(wrong: object, what: str) -> None:
    """Raises `Unsupported` for something wrong."""
    if wrong:
        raise Unsupported(what)


def _square(value: Any, what: str) -> int:
    """One number for both sides."""
    sides = {value} if isinstance(value, int) else set(value)
    _refuse(len(sides) != 1, f"a {what} that differs between height and width: {value}")
    return int(sides.pop())


def _max_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Layer:
    _refuse(
        ceil_mode or return_indices or _square(dilation, "dilation") != 1,
        "max pooling with dilation, ceil_mode or return_indices",
    )
    return Layer("max_pool", (input,), _window(kernel_size, stride, padding))


def _avg_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Layer:
    attrs = _window(kernel_size, stride, padding)
    _refuse(ceil_mode or divisor_override, "average pooling with ceil_mode or divisor_override")
    _refuse(attrs["padding"] and count_include_pad, "average pooling that counts its padding: count_include_pad=False")
    return Layer("avg_pool", (input,), attrs)


def _window(kernel: Any, stride: Any, padding: Any) -> dict[str, int]:
    side = _square(kernel, "kernel")
    step = side if stride in (None, ()) else _square(stride, "stride")
    return {"kernel": side, "stride": step, "padding": _square(padding, "padding")}


def _adaptive(input: Any, output_size: Any) -> Layer:
    _refuse(output_size not in (1, (1, 1), [1, 1]), f"adaptive pooling to {output_size}: only to 1")
    return Layer("global_pool", (input,))


def _mean(input: Any, dim: Any = None, keepdim: bool = False) -> Layer:
    axes = sorted(d % 4 for d in dim) if isinstance(dim, tuple | list) else dim
    _refuse(axes != [2, 3], f"a mean over {dim}: only over height and width")
    return Layer("global_pool", (input,))


def _flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Layer:
    _refuse((start_dim, end_dim) not in ((1, -1), (1, 3)), "flattening that takes the batch along: flatten(x, 1)")
    return Layer("flatten", (input,))


def _view(input: Any, *shape: Any) -> Layer:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    _refuse(len(sizes) != 2, f"a view of shape {sizes}: only flattening to (batch, channels)")
    return Layer("flatten", (input,), {"channels": sizes[1]} if isinstance(sizes[1], int) else {})


def _plus(input: Any, other: Any, *, alpha: float = 1) -> Layer:
    _refuse(alpha != 1, f"a sum with alpha={alpha}")
    if any(isinstance(x, int) and x == 0 for x in (input, other)):  # where Python's own sum() starts
        return Layer("identity", (other if isinstance(input, int) else input,))
    return Layer("sum", (input, other))


def _times(input: Any, other: Any) -> Layer:
    _refuse(0 not in (input, other), "a product: only with 0")
    return Layer("zero", (other if input == 0 else input,))


def _cat(tensors: Any, dim: int = 0) -> Layer:
    _refuse(dim not in (1, -3), f"a concatenation over axis {dim}: only over channels, dim=1")
    return Layer("concat", tuple(tensors))


def _squeeze(input: Any, dim: Any = None) -> Layer:
    _refuse(dim not in (None, 2, 3, -1, -2, (2, 3), (-2, -1)), f"squeeze over {dim}: only over height and width")
    return Layer("flatten", (input,))


def _shape(input: Any, name: Any = None) -> Layer:
    _refuse(not (name is None or isinstance(name, int) or name == "shape"), f"the attribute {name!r}")
    return Layer("size", (input,))


def _unary(op: str) -> Callable[..., Layer]:
    return lambda input, *settings, **named: Layer(op, (input,))


CALLS: dict[Any, Callable[..., Layer]] = {
    **dict.fromkeys((operator.add, operator.iadd, torch.add, "add", "add_"), _plus),
    **dict.fromkeys((operator.mul, torch.mul, "mul", "mul_"), _times),
    **dict.fromkeys((F.relu, torch.relu, "relu", "relu_"), _unary("relu")),
    torch.zeros_like: _unary("zero"),
    **dict.fromkeys((F.dropout, F.dropout2d, "contiguous"), _unary("identity")),
    **dict.fromkeys((torch.cat, torch.concat), _cat),
    **dict.fromkeys((torch.flatten, "flatten"), _flatten),
    **dict.fromkeys(("view", "reshape", torch.reshape), _view),
    **dict.fromkeys(("squeeze", torch.squeeze), _squeeze),
    **dict.fromkeys(("mean", torch.mean), _mean),
    **dict.fromkeys(("size", getattr), _shape),
    operator.getitem: _unary("item"),
    F.max_pool2d: _max_pool,
    F.avg_pool2d: _avg_pool,
    F.adaptive_avg_pool2d: _adaptive,
}

# --- layers ---

_EPSILON = 1e-5  # of the IR's normalisation


def _conv(m: nn.Conv2d) -> Layer:
    _refuse(m.padding_mode != "zeros", f"a convolution with padding_mode={m.padding_mode!r}")
    _refuse(m.padding == "same", "a convolution with padding='same': give the number of pixels")
    attrs = {
        "out": m.out_channels,
        "kernel": _square(m.kernel_size, "kernel"),
        "stride": _square(m.stride, "stride"),
        "padding": 0 if m.padding == "valid" else _square(m.padding, "padding"),
        "dilation": _square(m.dilation, "dilation"),
        "groups": m.groups,
        "bias": int(m.bias is not None),
    }
    bias = {} if m.bias is None else {"bias": m.bias}
    return Layer("conv", attrs=attrs, weights={"weight": m.weight, **bias})


def _norm(m: nn.BatchNorm2d) -> Layer:
    _refuse(m.eps != _EPSILON, f"a normalisation with eps={m.eps}: the IR has {_EPSILON}")
    like = torch.empty(m.num_features) if m.running_mean is None else m.running_mean
    weights = {
        "weight": torch.ones_like(like) if m.weight is None else m.weight,
        "bias": torch.zeros_like(like) if m.bias is None else m.bias,
    }
    if m.running_mean is None or m.running_var is None:
        return Layer("batch_norm", weights=weights)
    return Layer("batch_norm", weights=weights, stats={"running_mean": m.running_mean, "running_var": m.running_var})


def _linear(m: nn.Linear) -> Layer:
    bias = m.weight.new_zeros(m.out_features) if m.bias is None else m.bias
    return Layer("linear", attrs={"out": m.out_features}, weights={"weight": m.weight, "bias": bias})


LAYERS: dict[type[nn.Module], Callable[[Any], Layer]] = {
    nn.Conv2d: _conv,
    nn.BatchNorm2d: _norm,
    nn.Linear: _linear,
    nn.ReLU: lambda m: Layer("relu"),
    nn.Identity: lambda m: Layer("identity"),
    nn.Dropout: lambda m: Layer("identity"),
    nn.Dropout2d: lambda m: Layer("identity"),
    nn.MaxPool2d: lambda m: CALLS[F.max_pool2d](
        None, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
    ),
    nn.AvgPool2d: lambda m: CALLS[F.avg_pool2d](
        None, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad, m.divisor_override
    ),
    nn.AdaptiveAvgPool2d: lambda m: CALLS[F.adaptive_avg_pool2d](None, m.output_size),
    nn.Flatten: lambda m: CALLS[torch.flatten](None, m.start_dim, m.end_dim),
}


def supported() -> str:
    """The layers and calls that can be translated, for messages."""
    calls = sorted({key if isinstance(key, str) else key.__name__ for key in CALLS})
    return f"the layers {', '.join(layer.__name__ for layer in LAYERS)}; the calls {', '.join(calls)}"


# --- tracing ---

_SIZE = -1  # in the place of a node's index: a size, which only flattening reads


class Traced(NamedTuple):
    """A module as a graph.

    Attributes:
        graph: its operations; a node is named after the module that it was, with "/" for ".".
        weights: its parameters by the names of `graph.params()`, copied.
        stats: running statistics of its normalisations, by the names of `Interpreter(graph, running_stats=True)`. Run
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
