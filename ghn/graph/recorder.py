"""Records a forward pass on tensors without data: every operator that PyTorch dispatches is a node.

It is one of `ghn.graph.ops` where it means one, else the call itself (`ghn.graph.calls`). Operations in place are
recorded as what they compute, and the values that they change as changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from ghn.errors import GraphError
from ghn.graph.calls import OUTPUTS, VIEWS
from ghn.graph.ir import Graph, Node
from ghn.graph.paths import Place
from ghn.graph.translate import SAME, Meaning, translate
from ghn.graph.writer import Value, Writer, has_data, memory_of, slashed

_LIKE_INPUT = frozenset(("native_batch_norm", "gelu", "silu", "relu", "hardswish", "sigmoid", "tanh"))
_NEW = frozenset(("new_zeros", "new_ones", "new_full", "new_empty"))  # read a tensor's type alone
_MADE = frozenset(("zeros", "ones", "full", "empty"))  # read none
_TURNING = frozenset(
    f"{name}_" for name in ("transpose", "t", "squeeze", "unsqueeze", "swapaxes", "swapdims")
)  # in place
_OWN_MEMORY = frozenset(
    ("unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk")
)  # PyTorch promises it of their parts


class Captured(NamedTuple):
    """A module as a graph, and where in the module its parameters are."""

    graph: Graph  # a node is named after the module that it was, with "/" for "."
    params: dict[str, str]  # of each of `graph.params()`, its name in the module
    stats: dict[str, str]  # of each running statistic of the graph, its name in the module
    constants: dict[str, Tensor]  # values that neither inputs nor parameters give, such as buffers, by their node
    written: frozenset[str]  # names of the module's buffers and parameters that its forward pass writes to
    writes_inputs: bool = False
    inputs: tuple[str, ...] = ()  # names of the inputs, where they have some
    outputs: tuple[int, ...] = (0,)  # which of the tensors that the module gives depend on the inputs, and so are seen


# recurrent layers, as Python calls them: an operator a time step would be thousands of nodes
_WHOLE = {getattr(torch, name): getattr(torch.ops.aten, name).input for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")}


class Whole(TorchFunctionMode):
    """Hands recurrent layers to a recorder as they are called, before PyTorch takes them apart."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        packed = len(args) < 4 or not isinstance(args[3], bool)  # sequences of different lengths
        if func not in _WHOLE or packed or not self.recorder.writer.knows(args[0]):
            return func(*args, **kwargs or {})
        return self.recorder.keep_whole(_WHOLE[func], args, kwargs or {})


class Recorder(TorchDispatchMode):
    """Turns what is dispatched into nodes.

    Args:
        params: of the module, without data.
        inputs: tensors without data whose first axis has the size `batch`.
        buffers: of the module; copies, as a forward pass may write to them.
        batch: of the recording: no size of the network is a multiple of it.
        fake: record on tensors that pretend to have data, in a `FakeTensorMode`; otherwise on `meta`, and what depends
            on no input is computed for good.
    """

    def __init__(
        self,
        params: Mapping[str, Tensor],
        inputs: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        *,
        batch: int,
        fake: bool = False,
    ) -> None:
        super().__init__()
        self.place, self.inputs, self.fake = Place(), list(inputs), fake
        self.writer = Writer(params, inputs, buffers, batch, lambda: self.place.path)
        self.owners = {memory_of(t): name for name, t in [*params.items(), *buffers.items()]}
        self.changed: set[str] = set()
        self.writes_inputs = False
        self.asked: list[str] = []  # the module that asked for a value first
        self.paused = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        leaves = tree_leaves((args, kwargs))
        tensors = [x for x in leaves if isinstance(x, Tensor)]
        base = str(func).split(".")[1]
        written = _targets(func, args, kwargs)
        if written:
            self._note(written)
        sized = any(map(self.writer.of_batch, leaves))
        known = any(map(self.writer.knows, tensors)) or any(memory_of(t) in self.writer.held for t in written)
        if not (sized if base in _NEW or (tensors and not known) else known):
            return self._made(func, args, kwargs) if sized and base in _MADE else self._constant(func, args, kwargs)
        if base == "as_strided_":  # how an operator orders its own output in memory
            return args[0]
        moved = {id(t): t.to("meta") for t in tensors if has_data(t) and not self.fake}

        def here(x: Any) -> Any:
            return moved.get(id(x), x) if isinstance(x, Tensor) else x

        if base == "_local_scalar_dense":  # raises; whoever catches it has still asked
            self.asked = self.asked or [self.place.path]
        out = _shaped(base, args)
        if out is None:
            out = func(*tree_map(here, args), **tree_map(here, kwargs))
        if not any(isinstance(x, Tensor) for x in tree_leaves(out)):  # such as a device
            return out
        if base in _OWN_MEMORY:
            out = [part.clone() for part in out]
        self._record(func, args, kwargs, out, written)
        return out

    def keep_whole(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Records a call of many operators as one of its own."""
        self.paused = True
        try:
            out = func(*(list(args) if self.fake else tree_map(_on_meta, list(args))), **kwargs)
        finally:
            self.paused = False
        self._record(func, args, kwargs, out, [])
        return out

    def _note(self, written: Sequence[Tensor]) -> None:
        """Remembers what of the module, or that an input, is written to."""
        memories = set(map(memory_of, written))
        self.changed |= {self.owners[memory] for memory in memories if memory in self.owners}
        self.writes_inputs |= any(memory_of(x) in memories for x in self.inputs)

    def _made(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What is filled with one number, an item of the batch each: as made for the first input."""
        out = func(*args, **kwargs if self.fake else {**kwargs, "device": "meta"})
        base, value = str(func).split(".")[1].replace("empty", "zeros"), list(args[1:2])
        call = [self.inputs[0], list(out.shape), *value]
        self.writer.assign(out, self.writer.add(Meaning(f"aten.new_{base}.default", call, {"dtype": out.dtype}), out))
        return out

    def _constant(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """What depends on no value of the graph is computed for good; without data only what holds the batch."""
        if self.fake:
            return func(*args, **kwargs)
        if str(func).split(".")[1] in _NEW:
            args = (torch.empty(0, dtype=args[0].dtype, device="cpu"), *args[1:])
        leaves = tree_leaves((args, kwargs))
        if any(map(self.writer.of_batch, leaves)):
            return func(*args, **{**kwargs, "device": "meta"})
        if any(isinstance(x, Tensor) and x.is_meta for x in leaves):
            return func(*tree_map(_on_meta, args), **tree_map(_on_meta, kwargs))
        return func(*args, **{key: value for key, value in kwargs.items() if key != "device"})

    def _record(
        self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any, written: Sequence[Tensor]
    ) -> None:
        base, writer, call = str(func).split(".")[1], self.writer, (func, args, kwargs)
        if base in _TURNING:  # of one tensor's axes: no value is written
            writer.assign(args[0], writer.add(translate(func, args, kwargs, args[0]), args[0]))
            return
        if written:
            writer.write(translate(func, args, kwargs, written[0]), written)
            return
        if base == "unbind" and len(out) == writer.batch:
            raise GraphError(
                f"the forward pass goes through a batch item by item, in module {self.place.path!r}",
                fix="compute all items at once, for instance by torch.vmap",
            )
        view = call if any(r.alias_info is not None for r in func._schema.returns) else None
        first = writer.values.get(id(args[0])) if args and isinstance(args[0], Tensor) else None
        if first is not None and isinstance(out, Tensor):
            if base in SAME and out.dtype == args[0].dtype and (first.param is None or first.origin is None):
                writer.refresh(first)
                writer.values[id(out)] = replace(first, tensor=out, origin=view if first.param is None else None)
                return
            if base in VIEWS and first.param is not None:
                writer.values[id(out)] = Value(out, param=first.param, origin=call)
                return
        if (source := self._pooled(base, first, out)) is not None:
            meaning = Meaning("", (), op="global_pool", reads=[source.tensor])
        else:
            meaning = translate(func, args, kwargs, out)
        writer.assign(out, writer.add(meaning, out), view, single=meaning.single)

    def _pooled(self, base: str, first: Value | None, out: Any) -> Value | None:
        """The map of which a vector is the mean, where a map of one pixel is made a vector."""
        nodes, batch = self.writer.nodes, self.writer.batch
        if base not in VIEWS or first is None or first.node is None or out.dim() != 2 or out.shape[0] != batch:
            return None
        if first.writer is not None:
            return None
        i = first.node
        while nodes[i].op.split(".")[-2:][0] in ("squeeze", "reshape") and len(nodes[i].shape) == 2:
            (i,) = nodes[i].inputs
        if len(nodes[i].shape) != 3 or nodes[i].shape[1:] != (1, 1):
            return None
        if nodes[i].op == "aten.mean.dim" and len(nodes[nodes[i].inputs[0]].shape) == 3:
            (i,) = nodes[i].inputs
        return next((value for value in self.writer.values.values() if value.node == i and value.writer is None), None)

    # --- the end ---

    def finished(self, output: Any, names: Sequence[str] = ()) -> Captured:
        """The graph of what the output depends on; `names` are those of the inputs."""
        writer, tensors = self.writer, tensors_of(output)
        if self.asked:
            raise GraphError(
                f"module {self.asked[0]!r} asks for values, and goes on where it gets none",
                expected="no control flow that depends on values",
                fix="compute what depends on values outside of the network",
            )
        given = [writer.values.get(id(t)) for t in tensors]
        places = [i for i, value in enumerate(given) if value and value.node is not None]  # not a parameter, given back
        known = [value for value in given if value and value.node is not None]
        if not known:
            got = type(output).__name__
            raise GraphError("the output does not depend on the inputs", got=got, expected="a tensor, or several")
        for value in known:
            writer.refresh(value)
        last = [value.node for value in known if value.node is not None]
        end = last[0]
        if len(known) > 1 or not isinstance(output, Tensor):
            shape = writer.stripped(known[0].tensor)
            writer.nodes.append(Node(writer.name("outputs"), OUTPUTS, tuple(last), (), shape))
            end = len(writer.nodes) - 1
        elif writer.nodes[end].op == "input":
            writer.nodes.append(Node(writer.name("output"), "identity", (end,), (), writer.nodes[end].shape))
            end = len(writer.nodes) - 1
        graph = Graph(tuple(self._reached(end)))
        own = {slashed(name): name for name in writer.sizes}
        kept = {node.name for node in graph.nodes}
        return Captured(
            graph,
            {p.name: own[p.name] for p in graph.params()},
            {name: buffer for name, buffer in writer.stats.items() if name.rpartition("/")[0] in kept},
            {name: tensor for name, tensor in writer.constants.items() if name in kept},
            frozenset(self.changed),
            self.writes_inputs,
            tuple(names),
            tuple(places),
        )

    def _reached(self, output: int) -> list[Node]:
        """The nodes that the output depends on, and all inputs, the output last."""
        nodes = self.writer.nodes
        used = {output} | {i for i, node in enumerate(nodes) if node.op == "input"}
        for i in range(output, -1, -1):
            used |= set(nodes[i].inputs) if i in used else set()
        order = [*sorted(used - {output}), output]
        index = {old: new for new, old in enumerate(order)}
        return [replace(nodes[i], inputs=tuple(index[j] for j in nodes[i].inputs)) for i in order]


def tensors_of(output: Any) -> list[Tensor]:
    """The tensors of what a module returned, in order; also those that dataclasses hold."""
    found: list[Tensor] = []
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif is_dataclass(leaf) and not isinstance(leaf, type):
            found += [x for f in fields(leaf) for x in tensors_of(getattr(leaf, f.name))]
    return found


def _targets(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that an operator writes to."""
    if not func._schema.is_mutable:
        return []
    named = enumerate(func._schema.arguments)
    every = [args[i] if i < len(args) else kwargs.get(a.name) for i, a in named if a.is_write]
    return [x for x in tree_leaves(every) if isinstance(x, Tensor)]


def _shaped(base: str, args: Sequence[Any]) -> Any:
    """What the commonest operators give: something of the shape of their input. PyTorch takes milliseconds for that."""
    if base not in _LIKE_INPUT or not (isinstance(args[0], Tensor) and args[0].is_meta and args[0].is_floating_point()):
        return None
    out = torch.empty_like(args[0])
    if base != "native_batch_norm":
        return out
    training = args[5]
    return None if training else (out, out.new_empty(0), out.new_empty(0))


def _on_meta(x: Any) -> Any:
    return x.to("meta") if isinstance(x, Tensor) else x
