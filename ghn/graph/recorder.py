"""Records a forward pass on tensors without data: every operator that PyTorch dispatches is a node.

It is one of `ghn.graph.ops` where it means one, else the call itself (`ghn.graph.calls`). Operations in place are
recorded as what they compute, and the values that they change as changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import get_ident
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from ghn.errors import GraphError
from ghn.graph.calls import VIEWS, write_call
from ghn.graph.ir import Graph, Node, derive
from ghn.graph.op import Param, Shape
from ghn.graph.translate import SAME, Meaning, kind_of, translate

BATCH = 1009  # of the recording: a prime that no size of a network is likely to be a multiple of
STATS = ("running_mean", "running_var")
_LIKE_INPUT = frozenset(("native_batch_norm", "gelu", "silu", "relu", "hardswish", "sigmoid", "tanh"))
_NEW = frozenset(("new_zeros", "new_ones", "new_full", "new_empty"))  # read a tensor's type alone


class Captured(NamedTuple):
    """A module as a graph, and where in the module its parameters are."""

    graph: Graph  # a node is named after the module that it was, with "/" for "."
    params: dict[str, str]  # of each of `graph.params()`, its name in the module
    stats: dict[str, str]  # of each running statistic of the graph, its name in the module
    constants: dict[str, Tensor]  # values that neither inputs nor parameters give, such as buffers, by their node
    written: frozenset[str]  # names of the module's buffers that its forward pass writes to


@dataclass(slots=True)
class _Value:
    """What is known of a tensor while recording."""

    tensor: Tensor  # kept alive, so that its id stays its own
    node: int | None = None  # that gave it; None for parameters
    param: str | None = None  # that it is, or is a view of
    origin: tuple[Any, Sequence[Any], Mapping[str, Any]] | None = None  # the view of another that it is
    writer: int | None = None  # the node that wrote to it since, through another tensor


class Recorder(TorchDispatchMode):
    """Turns what is dispatched into nodes.

    Args:
        params: of the module, on `meta`.
        inputs: tensors on `meta` whose first axis has the size `BATCH`.
        buffers: of the module; copies, as a forward pass may write to them.
    """

    def __init__(self, params: Mapping[str, Tensor], inputs: Sequence[Tensor], buffers: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.nodes: list[Node] = []
        self.values: dict[int, _Value] = {id(t): _Value(t, param=name) for name, t in params.items()}
        self.buffers = {id(t): name for name, t in buffers.items()}
        self.sizes = {name: tuple(t.shape) for name, t in params.items()}
        self.kinds: dict[str, str] = {}
        self.stats: dict[str, str] = {}
        self.constants: dict[str, Tensor] = {}
        self.counted: set[str] = set()
        self.taken: set[str] = set()
        self.stack: list[str] = []
        for i, tensor in enumerate(inputs):
            name = f"input{i or ''}"
            self.taken.add(name)
            self.nodes.append(Node(name, "input", (), (), _stripped(tensor)))
            self.values[id(tensor)] = _Value(tensor, i)

    @property
    def path(self) -> str:
        """The module in which the forward pass is, or failed."""
        return self.stack[-1] if self.stack else ""

    @contextmanager
    def following(self, module: nn.Module) -> Iterator[None]:
        """Knows in which of its modules the forward pass is."""
        paths = {id(m): path for path, m in reversed(list(module.named_modules()))}

        here = get_ident()

        def enter(m: nn.Module, _args: Any) -> None:
            if get_ident() == here:  # hooks of all modules see those of other threads too
                self.stack.append(paths.get(id(m), self.stack[-1] if self.stack else ""))

        def leave(_m: nn.Module, _args: Any, _output: Any) -> None:
            if get_ident() == here:
                self.stack.pop()

        hooks = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        base = str(func).split(".")[1]
        self.counted |= {self.buffers[id(t)] for t in _targets(func, args, kwargs) if id(t) in self.buffers}
        if base in _NEW or not any(id(t) in self.values for t in tensors):
            return _constant(func, args, kwargs)
        if base == "as_strided_":  # how an operator orders its own output in memory
            return args[0]
        moved = {id(t): t.to("meta") for t in tensors if id(t) not in self.values and not t.is_meta}

        def here(x: Any) -> Any:
            return moved.get(id(x), x) if isinstance(x, Tensor) else x

        out = _shaped(base, args)
        if out is None:
            out = func(*tree_map(here, args), **tree_map(here, kwargs))
        self._record(func, args, kwargs, out)
        return out

    def _record(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], out: Any) -> None:
        if written := _targets(func, args, kwargs):
            self._written(func, args, kwargs, written)
            return
        base = str(func).split(".")[1]
        call = (func, args, kwargs)
        view = call if any(r.alias_info is not None for r in func._schema.returns) else None
        first = self.values.get(id(args[0])) if args and isinstance(args[0], Tensor) else None
        if first is not None and isinstance(out, Tensor):
            if base in SAME and out.dtype == args[0].dtype and (first.param is None or first.origin is None):
                self._refresh(first)
                self.values[id(out)] = replace(first, tensor=out, origin=view if first.param is None else None)
                return
            if base in VIEWS and first.param is not None:
                self.values[id(out)] = _Value(out, param=first.param, origin=call)
                return
        if (source := self._pooled(base, first, out)) is not None:
            meaning = Meaning("", (), op="global_pool", reads=[source.tensor])
        else:
            meaning = translate(func, args, kwargs, out)
        node = self._add(meaning, out)
        self._assign(out[0] if meaning.single and not isinstance(out, Tensor) else out, node, view)

    def _pooled(self, base: str, first: _Value | None, out: Any) -> _Value | None:
        """The map of which a vector is the mean, where a map of one pixel is made a vector."""
        if base not in VIEWS or first is None or first.node is None or out.dim() != 2 or out.shape[0] != BATCH:
            return None
        i = first.node
        while self.nodes[i].op.split(".")[-2:][0] in ("squeeze", "reshape") and len(self.nodes[i].shape) == 2:
            (i,) = self.nodes[i].inputs
        if len(self.nodes[i].shape) != 3 or self.nodes[i].shape[1:] != (1, 1):
            return None
        if self.nodes[i].op == "aten.mean.dim" and len(self.nodes[self.nodes[i].inputs[0]].shape) == 3:
            (i,) = self.nodes[i].inputs
        return next((value for value in self.values.values() if value.node == i and value.writer is None), None)

    def _assign(self, out: Any, node: int, origin: Any = None) -> None:
        """What a node gave; of several tensors each is an item of it."""
        if isinstance(out, Tensor):
            self.values[id(out)] = _Value(out, node, origin=origin)
            return
        for k, item in enumerate(out):
            if isinstance(item, Tensor):
                attrs = (("call", f'[[{{"x":0}},{k}],{{}}]'),)
                name = self._name(f"{self.nodes[node].name}/{k}")
                self.nodes.append(Node(name, "aten.getitem.int", (node,), attrs, _stripped(item)))
                self.values[id(item)] = _Value(item, len(self.nodes) - 1)

    def _written(self, func: Any, args: Sequence[Any], kwargs: Mapping[str, Any], written: Sequence[Any]) -> None:
        """An operation in place: what it computes, and then everything that shares its memory is something else."""
        node = self._add(translate(func, args, kwargs, written[0]), written[0])
        for target in written:
            for value in self.values.values():
                if value.node is not None and _storage(value.tensor) == _storage(target):
                    value.writer = node
            self.values[id(target)] = _Value(target, node)

    def _refresh(self, value: _Value) -> None:
        """Brings a value up to date that was written to through another tensor."""
        if (writer := value.writer) is None:
            return
        value.writer = None
        source = value.origin[1][0] if value.origin else None
        if value.origin and isinstance(source, Tensor) and id(source) in self.values:
            func, args, kwargs = value.origin
            value.node = self._add(translate(func, args, kwargs, value.tensor), value.tensor)
            return
        assert value.node is not None
        read = (value.node, writer)
        self.nodes.append(Node(self._name("write"), "ghn.write", read, (), _stripped(value.tensor)))
        value.node = len(self.nodes) - 1

    # --- nodes ---

    def _add(self, meaning: Meaning, out: Any) -> int:
        """Adds the node of a call."""
        first = out if isinstance(out, Tensor) else next(x for x in out if isinstance(x, Tensor))
        if (operands := self._plain(meaning)) is not None:
            op, (inputs, names) = str(meaning.op), operands
            shapes = tuple(self.nodes[i].shape for i in inputs)
            derived = derive(op, shapes, tuple(meaning.attrs.items()))
            attrs, kinds = derived.attrs, [kind for _, _, kind in derived.params]
        else:
            op, inputs, names = meaning.call, [], []

            def encode(value: Any) -> Any:
                if isinstance(value, Tensor):
                    return self._operand(value, meaning, inputs, names)
                size = isinstance(value, int) and not isinstance(value, bool) and value and value % BATCH == 0
                return {"b": value // BATCH} if size else None

            text = write_call(meaning.args, meaning.kwargs, encode)
            macs = (("macs", meaning.macs // BATCH),) if meaning.macs else ()
            attrs, kinds = (("call", text), *macs), [self.kinds[name] for name in names]
        params = tuple(Param(_slashed(name), self.sizes[name], kind) for name, kind in zip(names, kinds, strict=True))
        for name, kind in zip(names, kinds, strict=True):
            self.kinds.setdefault(name, kind)
        node = Node(self._named(op, names), op, tuple(inputs), attrs, _stripped(first), params or None)
        self.nodes.append(node)
        held = {f"{node.name}/{suffix}": id(t) for suffix, t in zip(STATS, meaning.stats, strict=False)}
        if op == meaning.op:
            self.stats |= {name: self.buffers[key] for name, key in held.items() if key in self.buffers}
        return len(self.nodes) - 1

    def _plain(self, meaning: Meaning) -> tuple[list[int], list[str]] | None:
        """Inputs and parameters of the operation that a call means, where its operands are what that takes."""
        if meaning.op is None:
            return None
        inputs, names = [], []
        for x in meaning.reads:
            value = self.values.get(id(x))
            if value is None or value.param is not None or not _leads(x, meaning):
                return None
            self._refresh(value)
            assert value.node is not None
            inputs.append(value.node)
        for i, w in enumerate(meaning.weights):
            value = self.values.get(id(w))
            if value is None or value.param is None or _turned(value) != (meaning.transposed and i == 0):
                return None
            names.append(value.param)
        return inputs, names

    def _operand(self, tensor: Tensor, meaning: Meaning, inputs: list[int], params: list[str]) -> dict[str, int]:
        """The mark of a tensor in the text of a call."""
        value = self.values.get(id(tensor))
        if value is not None and value.param is not None and value.origin is None:
            self.kinds.setdefault(value.param, kind_of(meaning, tensor, self.sizes[value.param]))
            if value.param not in params:
                params.append(value.param)
            return {"w": params.index(value.param)}
        if value is None:
            path = f"{self.path}.constant".strip(".")
            name = self._name(_slashed(self.buffers.get(id(tensor), path)))
            self.nodes.append(Node(name, "constant", (), (), _stripped(tensor)))
            self.constants |= {} if tensor.is_meta else {name: tensor.detach()}
            value = self.values[id(tensor)] = _Value(tensor, len(self.nodes) - 1)
        if value.node is None:  # a view of a parameter: made where something reads it
            assert value.param is not None and value.origin is not None
            self.kinds.setdefault(value.param, kind_of(meaning, tensor, self.sizes[value.param]))
            func, args, kwargs = value.origin
            value.node = self._add(translate(func, args, kwargs, tensor), tensor)
        self._refresh(value)
        if value.node not in inputs:
            inputs.append(value.node)
        return {"x": inputs.index(value.node)}

    def _named(self, op: str, params: Sequence[str]) -> str:
        """After the module of its first parameter; else after the module that it is in, and what it does."""
        path = _slashed(self.path)
        if params and "." in params[0]:
            return self._name(_slashed(params[0].rpartition(".")[0]))
        what = op.split(".")[1].strip("_") if "." in op else op
        return self._name(f"{path}/{what}" if path else what)

    def _name(self, wanted: str) -> str:
        """The name, with a number where it is taken."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    # --- the end ---

    def finished(self, output: Any) -> Captured:
        """The graph of what the output depends on."""
        tensors = [x for x in tree_leaves(output) if isinstance(x, Tensor)]
        known = [self.values[id(t)] for t in tensors if id(t) in self.values]
        if not known or any(value.node is None for value in known):
            got = type(output).__name__
            raise GraphError("the output does not depend on the inputs", got=got, expected="a tensor, or several")
        for value in known:
            self._refresh(value)
        last = [value.node for value in known if value.node is not None]
        if len(tensors) > 1:
            self.nodes.append(Node(self._name("outputs"), "ghn.outputs", tuple(last), (), _stripped(tensors[0])))
        elif self.nodes[last[0]].op == "input":
            self.nodes.append(Node(self._name("output"), "identity", (last[0],), (), self.nodes[last[0]].shape))
        nodes = self._reached(len(self.nodes) - 1 if len(tensors) > 1 or self.nodes[last[0]].op == "input" else last[0])
        graph = Graph(tuple(nodes))
        names = {_slashed(name): name for name in self.sizes}
        kept = {node.name for node in graph.nodes}
        return Captured(
            graph,
            {p.name: names[p.name] for p in graph.params()},
            {name: buffer for name, buffer in self.stats.items() if name.rpartition("/")[0] in kept},
            {name: tensor for name, tensor in self.constants.items() if name in kept},
            frozenset(self.counted),
        )

    def _reached(self, output: int) -> list[Node]:
        """The nodes that the output depends on, and all inputs, the output last."""
        used = {output} | {i for i, node in enumerate(self.nodes) if node.op == "input"}
        for i in range(output, -1, -1):
            used |= set(self.nodes[i].inputs) if i in used else set()
        order = [*sorted(used - {output}), output]
        index = {old: new for new, old in enumerate(order)}
        return [replace(self.nodes[i], inputs=tuple(index[j] for j in self.nodes[i].inputs)) for i in order]


def _targets(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that an operator writes to."""
    if not func._schema.is_mutable:
        return []
    named = enumerate(func._schema.arguments)
    every = [args[i] if i < len(args) else kwargs.get(a.name) for i, a in named if a.is_write]
    return [x for x in every if isinstance(x, Tensor)]


def _shaped(base: str, args: Sequence[Any]) -> Any:
    """What the commonest operators give: something of the shape of their input. PyTorch takes milliseconds for that."""
    if base not in _LIKE_INPUT or not (isinstance(args[0], Tensor) and args[0].is_meta and args[0].is_floating_point()):
        return None
    out = torch.empty_like(args[0])
    if base != "native_batch_norm":
        return out
    training = args[5]
    return None if training else (out, out.new_empty(0), out.new_empty(0))


def _constant(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """What depends on no value of the graph is computed for good, with data; on `meta` only what holds the batch."""
    if str(func).split(".")[1] in _NEW:
        args = (torch.empty(0, dtype=args[0].dtype), *args[1:])
    leaves = tree_leaves((args, kwargs))
    if any(isinstance(n, int) and n and n % BATCH == 0 for n in leaves):
        made = any(isinstance(x, Tensor) for x in leaves)
        return func(*args, **kwargs) if made else func(*args, **{**kwargs, "device": "meta"})
    if any(isinstance(x, Tensor) and x.is_meta for x in leaves):
        return func(*tree_map(_on_meta, args), **tree_map(_on_meta, kwargs))
    return func(*args, **{key: value for key, value in kwargs.items() if key != "device"})


def _on_meta(x: Any) -> Any:
    return x.to("meta") if isinstance(x, Tensor) else x


def _slashed(name: str) -> str:
    return name.replace(".", "/")


def _turned(value: _Value) -> bool | None:
    """Whether a value is a parameter turned around (True), or the parameter itself (False); None for neither."""
    if value.origin is None:
        return False
    func, (source, *_), _ = value.origin
    plain = source.dim() == 2 and str(func).split(".")[1] in ("t", "transpose")
    return True if plain and tuple(source.shape[::-1]) == tuple(value.tensor.shape) else None


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


def _leads(x: Tensor, meaning: Meaning) -> bool:
    """Whether an input has as many axes as its operation reads, the batch first."""
    share, rest = divmod(x.shape[0], BATCH) if x.dim() in meaning.axes else (0, 1)
    return share >= 1 and rest == 0 and (share == 1 or meaning.merged)


def _stripped(x: Tensor) -> Shape:
    """The shape without the batch: its axis is gone, or, where it is one with another, divided."""
    sizes = list(x.shape)
    for i, size in enumerate(sizes):
        if size and size % BATCH == 0:
            sizes[i : i + 1] = [size // BATCH] if size > BATCH else []
            break
    return tuple(max(1, size) for size in sizes) or (1,)
