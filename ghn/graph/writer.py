"""Writes the graph of a recording: what is known of each tensor, and the nodes of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from ghn.graph.calls import write_call
from ghn.graph.ir import Node, derive
from ghn.graph.op import Param, Shape
from ghn.graph.translate import Meaning, kind_of, translate

STATS = ("running_mean", "running_var")


@dataclass(slots=True)
class Value:
    """What is known of a tensor while recording."""

    tensor: Tensor  # kept alive, so that its id stays its own
    node: int | None = None  # that gave it; None for parameters
    param: str | None = None  # that it is, or is a view of
    origin: tuple[Any, Sequence[Any], Mapping[str, Any]] | None = None  # the view of another that it is
    writer: int | None = None  # the node that wrote to it since, through another tensor
    memory: int = field(init=False)  # in which it lies: asked of every tensor at each operation in place

    def __post_init__(self) -> None:
        self.memory = memory_of(self.tensor)


class Writer:
    """Nodes, as they are added, and the tensors that they gave.

    Args:
        params: of the module, without data.
        inputs: tensors without data whose first axis has the size `batch`.
        buffers: of the module.
        batch: of the recording.
        path: tells the module in which the forward pass is.
    """

    def __init__(
        self,
        params: Mapping[str, Tensor],
        inputs: Sequence[Tensor],
        buffers: Mapping[str, Tensor],
        batch: int,
        path: Callable[[], str],
    ) -> None:
        self.batch, self.path = batch, path
        self.nodes: list[Node] = []
        self.values: dict[int, Value] = {id(t): Value(t, param=name) for name, t in params.items()}
        self.buffers = {id(t): name for name, t in buffers.items()}
        self.sizes = {name: tuple(t.shape) for name, t in params.items()}
        self.kinds: dict[str, str] = {}
        self.stats: dict[str, str] = {}
        self.constants: dict[str, Tensor] = {}
        self.written: dict[int, int] = {}  # memory that nodes wrote to -> the last of them
        self.held: dict[int, Tensor] = {}  # memory of constants -> kept alive, so that its number stays its own
        self.taken: set[str] = set()
        for i, tensor in enumerate(inputs):
            name = self.name(f"input{i or ''}")
            self.nodes.append(Node(name, "input", (), (), self.stripped(tensor)))
            self.values[id(tensor)] = Value(tensor, i)

    def add(self, meaning: Meaning, out: Any) -> int:
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
                return {"b": value // self.batch} if self.of_batch(value) else None

            text = write_call(meaning.args, meaning.kwargs, encode)
            macs = (("macs", meaning.macs // self.batch),) if meaning.macs else ()
            attrs, kinds = (("call", text), *macs), [self.kinds[name] for name in names]
        params = tuple(Param(slashed(name), self.sizes[name], kind) for name, kind in zip(names, kinds, strict=True))
        for name, kind in zip(names, kinds, strict=True):
            self.kinds.setdefault(name, kind)
        node = Node(self._named(op, names), op, tuple(inputs), attrs, self.stripped(first), params or None)
        self.nodes.append(node)
        held = {f"{node.name}/{suffix}": id(t) for suffix, t in zip(STATS, meaning.stats, strict=False)}
        if op == meaning.op:
            self.stats |= {name: self.buffers[key] for name, key in held.items() if key in self.buffers}
        return len(self.nodes) - 1

    def assign(self, out: Any, node: int, origin: Any = None, *, single: bool = False) -> None:
        """What a node gave; of several tensors each is an item of it, or, of a `single` one, the first is its value."""
        if isinstance(out, Tensor):
            self.values[id(out)] = Value(out, node, origin=origin)
            return
        for k, item in enumerate(out):
            if not isinstance(item, Tensor):
                continue
            if single and k == 0:
                self.values[id(item)] = Value(item, node)
                continue
            # what else a single one gave, such as where maxima lie, is seen alone
            attrs = () if single else (("call", f'[[{{"x":0}},{k}],{{}}]'),)
            name = f"{self.nodes[node].name}/{'other' if single else ''}{k}"
            op = "ghn.other" if single else "aten.getitem.int"
            self.nodes.append(Node(self.name(name), op, (node,), attrs, self.stripped(item)))
            self.values[id(item)] = Value(item, len(self.nodes) - 1)

    def write(self, meaning: Meaning, written: Sequence[Tensor]) -> None:
        """Adds an operation in place: what it computes; then everything that shares its memory is something else."""
        memories = {memory_of(target) for target in written}
        shared = [value for value in self.values.values() if value.memory in memories]
        for value in shared:
            self._computed(value)
        node = self.add(meaning, written[0])
        for value in [*shared, *self.values.values()]:  # also constants, which the call itself has read
            if value.memory in memories and value.node != node:
                value.writer = node
                if len(written) == 1 and _lies_like(value.tensor, written[0]):
                    value.node, value.writer, value.origin = node, None, None
        for target in written:
            self.written[memory_of(target)] = node
            self.held.setdefault(memory_of(target), target)
            self.values[id(target)] = Value(target, node)

    def knows(self, tensor: Tensor) -> bool:
        """Whether a tensor depends on inputs or parameters."""
        return id(tensor) in self.values or (bool(self.written) and memory_of(tensor) in self.written)

    def refresh(self, value: Value) -> None:
        """Brings a value up to date that was written to through another tensor."""
        if (writer := value.writer) is None:
            return
        value.writer = None
        source = value.origin[1][0] if value.origin else None
        if value.origin and isinstance(source, Tensor) and id(source) in self.values:
            func, args, kwargs = value.origin
            value.node = self.add(translate(func, args, kwargs, value.tensor), value.tensor)
            return
        assert value.node is not None
        read = (value.node, writer)
        self.nodes.append(Node(self.name("write"), "ghn.write", read, (), self.stripped(value.tensor)))
        value.node = len(self.nodes) - 1

    def _computed(self, value: Value) -> None:
        """Makes a parameter, or a view of one, a value of a node: it is about to be written to."""
        if value.node is None:
            made = Meaning("aten.alias.default", [value.tensor])
            value.node = self.add(translate(*value.origin, value.tensor) if value.origin else made, value.tensor)
        value.param = None

    def _plain(self, meaning: Meaning) -> tuple[list[int], list[str]] | None:
        """Inputs and parameters of the operation that a call means, where its operands are what that takes."""
        if meaning.op is None:
            return None
        inputs, names = [], []
        for x in meaning.reads:
            value = self.values.get(id(x))
            if value is None or value.param is not None or not self._leads(x, meaning):
                return None
            self.refresh(value)
            assert value.node is not None
            inputs.append(value.node)
        for i, w in enumerate(meaning.weights):
            value = self.values.get(id(w))
            if value is None or value.param is None or self._turned(value) != (meaning.transposed and i == 0):
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
            value = self._constant(tensor)
        if value.node is None:  # a view of a parameter: made where something reads it
            assert value.param is not None and value.origin is not None
            self.kinds.setdefault(value.param, kind_of(meaning, tensor, self.sizes[value.param]))
            func, args, kwargs = value.origin
            value.node = self.add(translate(func, args, kwargs, tensor), tensor)
        self.refresh(value)
        if value.node not in inputs:
            inputs.append(value.node)
        return {"x": inputs.index(value.node)}

    def _constant(self, tensor: Tensor) -> Value:
        """The value of what neither inputs nor parameters give."""
        path = f"{self.path()}.constant".strip(".")
        name = self.name(slashed(self.buffers.get(id(tensor), path)))
        known = has_data(tensor)
        # networks that differ in a constant alone are different networks
        attrs = (("digest", digest_of(tensor)),) if known else ()
        self.nodes.append(Node(name, "constant", (), attrs, self.stripped(tensor)))
        self.constants |= {name: tensor.detach()} if known else {}
        memory = memory_of(tensor)
        self.held.setdefault(memory, tensor)
        value = Value(tensor, len(self.nodes) - 1, writer=self.written.get(memory))
        self.values[id(tensor)] = value
        return value

    def _turned(self, value: Value) -> bool | None:
        """Whether a value is a parameter turned around (True), or the parameter itself (False); None for neither."""
        if value.origin is None:
            return False
        func, (source, *_), _ = value.origin
        whole = id(source) in self.values and self.values[id(source)].origin is None
        plain = whole and source.dim() == 2 and str(func).split(".")[1] in ("t", "transpose")
        return True if plain and tuple(source.shape[::-1]) == tuple(value.tensor.shape) else None

    def _leads(self, x: Tensor, meaning: Meaning) -> bool:
        """Whether an input has as many axes as its operation reads, the batch first."""
        share, rest = divmod(x.shape[0], self.batch) if x.dim() in meaning.axes else (0, 1)
        return share >= 1 and rest == 0 and (share == 1 or meaning.merged)

    def _named(self, op: str, params: Sequence[str]) -> str:
        """After the module of its first parameter; else after the module that it is in, and what it does."""
        path = slashed(self.path())
        if params and "." in params[0]:
            return self.name(slashed(params[0].rpartition(".")[0]))
        what = op.split(".")[1].strip("_") if "." in op else op
        return self.name(f"{path}/{what}" if path else what)

    def name(self, wanted: str) -> str:
        """The name, with a number where it is taken."""
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def of_batch(self, value: Any) -> bool:
        """Whether a number is the size of a batch, or of several."""
        return isinstance(value, int) and not isinstance(value, bool) and value != 0 and value % self.batch == 0

    def stripped(self, x: Tensor) -> Shape:
        """The shape without the batch: its axis is gone, or, where it is one with another, divided."""
        sizes = list(x.shape)
        for i, size in enumerate(sizes):
            if self.of_batch(size):
                sizes[i : i + 1] = [size // self.batch] if size > self.batch else []
                break
        return tuple(max(1, size) for size in sizes) or (1,)


def slashed(name: str) -> str:
    """A name of the module as one of the graph."""
    return name.replace(".", "/")


def memory_of(tensor: Tensor) -> int:
    """A number of the memory in which a tensor lies: views share it."""
    return int(tensor.untyped_storage()._cdata) if tensor.layout == torch.strided else -id(tensor)


def _lies_like(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors of one memory are the same numbers in the same order."""
    return (a.shape, a.stride(), a.storage_offset()) == (b.shape, b.stride(), b.storage_offset())


def digest_of(tensor: Tensor) -> str:
    """A hex digest of the values of a tensor."""
    plain = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
    return blake2b(plain.tobytes(), digest_size=8).hexdigest()


def has_data(tensor: Tensor) -> bool:
    """Whether there are numbers in it."""
    return not (tensor.is_meta or isinstance(tensor, FakeTensor))
