"""Networks of modules that are built when they are asked for: each is captured once, remembered, and kept on disk.

Where all operations of a graph are known, and it was checked to compute what the module computes, the graph is run and
the module forgotten; else the module runs, without the values of its parameters.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, cached_property
from hashlib import blake2b
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import ghn.graph
from ghn.errors import GhnError, check_known
from ghn.files import write_atomic
from ghn.graph.capturing import capture
from ghn.graph.interpreter import Inputs, Interpreter
from ghn.graph.ir import Graph
from ghn.graph.program import ModuleProgram, check, interpreter_of
from ghn.locks import sweep_shared
from ghn.reading import read_json
from ghn.spaces.limits import check_sizes
from ghn.types import Network

REMEMBERED = 2048  # networks in memory, about 0.2 MB each
ON_DISK = 4096  # graphs of one space on disk, about 50 kB each
LARGEST = 1 << 26  # bytes of one
DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "int64": torch.int64,
    "int32": torch.int32,
    "uint8": torch.uint8,
    "bool": torch.bool,
}
SPACES_ON_DISK = 16  # of which the ones used last are kept


class Captures:
    """The networks of modules, by a text that names each.

    Args:
        make: builds the module of a text on the CPU, the same weights each time.
        example: inputs as its `forward` takes them.
        identity: tells what is built from all else that is kept on disk; None: nothing is.
    """

    def __init__(self, make: Callable[[str], nn.Module], example: Inputs, identity: str | None) -> None:
        self.make, self.example = make, example
        self.folder = None if identity is None else _cache_folder() / _digest(f"{identity} {_version()}")
        self._known: OrderedDict[str, Network] = OrderedDict()
        self._swept = False  # of what killed processes were writing

    def __call__(self, name: str) -> Network:
        """The network; `GraphError` where the module cannot be built or captured."""
        if name in self._known:
            self._known.move_to_end(name)
            return self._known[name]
        graph = self._read(name)
        return self._remember(name, self._captured(name)) if graph is None else self.keep(name, graph)

    def keep(self, name: str, graph: Graph) -> Network:
        """Remembers the network of a graph that was captured before, perhaps in another process."""
        return self._remember(name, Network(graph, Interpreter(graph), OwnWeights(lambda: self.make(name), graph)))

    def graph(self, name: str) -> Graph | None:
        """The graph, for another process; None where it alone is not the network, or there is none."""
        try:
            program = self(name).program
        except GhnError:  # whoever asks for it there will meet it too, and say so
            return None
        return program.graph if isinstance(program, Interpreter) and _is_plain(program) else None

    def _remember(self, name: str, network: Network) -> Network:
        self._known[name] = network
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return network

    def _captured(self, name: str) -> Network:
        module = self.make(name)
        captured = capture(module, self.example)
        program = ModuleProgram(module, captured)
        own = OwnWeights(lambda: self.make(name), captured.graph)
        if program.checkable:
            check(module, self.example, captured)
        # the graph alone knows inputs by their order, and one output
        if not program.checkable or captured.inputs or captured.outputs != (0,):
            if captured.written.isdisjoint(dict(module.named_parameters())):
                drop_values(module)
            return Network(captured.graph, program, own)
        interpreter = interpreter_of(captured)
        if _is_plain(interpreter):
            self._write(name, captured.graph)
        return Network(captured.graph, interpreter, own)

    # --- on disk ---

    def _path(self, name: str) -> Path | None:
        return self.folder and self.folder / f"{_digest(name)}.json"

    def _read(self, name: str) -> Graph | None:
        """The graph that was kept; None where there is none, or it cannot be read."""
        if (path := self._path(name)) is None:
            return None
        with suppress(Exception):  # damaged in whatever way: it is captured anew
            held = read_json(path, LARGEST)
            if held["name"] == name:
                graph = Graph.from_json(held["graph"])
                return graph if all(node.operation.runs for node in graph.nodes) else None
        return None

    def _write(self, name: str, graph: Graph) -> None:
        """Keeps a graph, unless there are too many; a folder that cannot be written to keeps none."""
        if (path := self._path(name)) is None:
            return
        with suppress(OSError):
            if not path.parent.exists():
                _make_room(path.parent)
            if not self._swept:
                sweep_shared(path.parent)
                self._swept = True
            if len(os.listdir(path.parent)) < ON_DISK:
                write_atomic(path, json.dumps({"name": name, "graph": graph.to_json()}))


class OwnWeights(Mapping[str, Tensor]):
    """The initial weights of a module, which is built again when one is asked for."""

    def __init__(self, make: Callable[[], nn.Module], graph: Graph) -> None:
        self._make, self._names = make, [param.name for param in graph.params()]

    @cached_property
    def _values(self) -> dict[str, Tensor]:
        named = {name.replace(".", "/"): p.detach() for name, p in self._make().named_parameters()}
        return {name: named[name] for name in self._names}

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __getitem__(self, name: str) -> Tensor:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def drop_values(module: nn.Module) -> None:
    """Puts the parameters of a module on `meta`: what runs it brings its own. Buffers stay."""
    dropped = {id(p): nn.Parameter(p.to("meta"), requires_grad=p.requires_grad) for p in module.parameters()}
    for one in module.modules():
        for name, p in list(one.named_parameters(recurse=False, remove_duplicate=False)):
            setattr(one, name, dropped[id(p)])


def example_of(input_shape: Any, dtype: str | Sequence[str]) -> Inputs:
    """Inputs of a shape, or of several in a tuple or dict: zeros.

    Raises:
        ConfigError: a dtype is unknown, or a shape too large.
    """
    kinds = repeat(dtype) if isinstance(dtype, str) else iter(dtype)

    def zeros(shape: Sequence[int]) -> Tensor:
        check_sizes("space", shape)
        check_known("dtype of inputs", kind := next(kinds), DTYPES)
        return torch.zeros(2, *shape, dtype=DTYPES[kind])

    if isinstance(input_shape, Mapping):
        return {name: zeros(shape) for name, shape in input_shape.items()}
    if input_shape and not isinstance(input_shape[0], int):
        return tuple(zeros(shape) for shape in input_shape)
    return zeros(input_shape)


def _is_plain(interpreter: Interpreter) -> bool:
    """Whether its graph is all that there is to it."""
    return not interpreter.constants and not interpreter.batch_only


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _cache_folder() -> Path:
    """The environment's GHN_CACHE, else ~/.cache/ghn; graphs have a folder in it."""
    return Path(os.environ.get("GHN_CACHE") or "~/.cache/ghn").expanduser() / "graphs"


@cache
def _version() -> str:
    """Of all that a capture depends on beside the module."""
    folders = [Path(*ghn.graph.__path__), Path(__file__).parent]  # spaces here build modules, too
    files = sorted(file for folder in folders for file in folder.rglob("*.py"))
    return torch.__version__ + _digest("".join(file.read_text() for file in files))


def _make_room(folder: Path) -> None:
    """Removes what is kept of the spaces that were used longest ago."""
    folder.mkdir(parents=True, exist_ok=True)
    others = sorted(folder.parent.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in others[:-SPACES_ON_DISK]:
        sweep_shared(old)
        for file in old.glob("*.json"):
            file.unlink(missing_ok=True)
        old.rmdir()
