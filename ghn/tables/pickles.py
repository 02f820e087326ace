"""Reads pickles from elsewhere without unpickling them: an interpreter of our own builds plain data, and nothing else.

Python's `pickle` is never asked. What stands in a file can be numbers, texts, bytes, lists, tuples, sets, dictionaries,
arrays of these numbers and texts, and `Record`s where the caller says so. Every global that it names must be on a short
list, and is never looked up, let alone called: it stands for one of the ways to build plain data below. A file has a
limit of bytes and of instructions, so that it cannot take more memory than that.
"""

from __future__ import annotations

import io
import pickletools
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import DataError
from ghn.reading import read_unpacked, reading, there_is

LARGEST = 1 << 27  # bytes of a file, decompressed; the largest of those that are read has 40 MB
INSTRUCTIONS = 1 << 23  # of a file, each of which takes up to 200 bytes of memory; those that are read have 3 million
UNFOLDED = 1 << 24  # values that are met where those that stand in several places are counted in each
DEEPEST = 100  # levels of containers in containers
PLAIN = r"[biufcSU][0-9]{1,4}"  # types of numbers and texts, as numpy writes them
Globals = Mapping[tuple[str, str], Any]  # (module, name) as written in the pickle -> what to build in its place


class Record:
    """Stands for a class of a publisher: it keeps what a pickle sets in `fields`, none of it as an attribute."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def take(self, state: Any) -> None:
        """Keeps what the pickle says of it; a ValueError for anything but a dictionary of attributes."""
        if type(state) is not dict or not all(type(name) is str for name in state):
            raise ValueError(f"a record's state is no dictionary of attributes but {type(state).__name__}")
        self.fields = state


class _Global:
    """A name that a pickle gives, and what it stands for: it only ever builds plain data."""

    __slots__ = ("build",)

    def __init__(self, build: Any) -> None:
        self.build = build


class _Dtype:
    """A type of numbers or texts, made from its code and byte order alone."""

    __slots__ = ("dtype",)

    def __init__(self, code: Any, *_copying: Any) -> None:
        if type(code) is not str or not re.fullmatch(PLAIN, code):
            raise ValueError(f"an array of {str(code)[:40]!r}")
        self.dtype = np.dtype(code)

    def take(self, state: Any) -> None:
        """The byte order, out of the state that numpy writes; all else in it is numpy's own affair."""
        if type(state) is not tuple or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise ValueError("a type of numbers without a byte order")
        if any(part is not None for part in state[2:5]):
            raise ValueError("a type of numbers with fields")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array whose type, shape and bytes come later."""

    __slots__ = ("values",)

    def __init__(self, *_kind_shape_and_type: Any) -> None:
        self.values: np.ndarray | None = None

    def take(self, state: Any) -> None:
        _, shape, kind, in_columns, data = state
        if type(kind) is not _Dtype or type(data) is not bytes or type(shape) is not tuple:
            raise ValueError(f"an array of {type(kind).__name__}, from {type(data).__name__}")
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order="F" if in_columns else "C")


def _scalar(kind: Any, data: Any) -> Any:
    if type(kind) is not _Dtype or type(data) is not bytes:
        raise ValueError("a number without a type")
    (value,) = np.frombuffer(data, kind.dtype)
    return value


def _numpy_globals() -> dict[tuple[str, str], Any]:
    """What stands for the functions that numpy's own pickles name; its private modules have moved once."""
    found: dict[tuple[str, str], Any] = {("numpy", "dtype"): _Dtype, ("numpy", "ndarray"): None}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        found |= {(module, "scalar"): _scalar, (module, "_reconstruct"): _Array}
    return found


PLAIN_DATA: Globals = {("collections", "OrderedDict"): OrderedDict, **_numpy_globals()}


def restricted_loads(data: bytes, allowed: Globals = PLAIN_DATA, *, where: str) -> Any:
    """Reads a pickle of plain data; `allowed` says which globals it may name, and what is built for each.

    Raises:
        DataError: another global is named, the pickle is damaged, or holds more than the limits allow.
    """
    with reading(f"{where}: not a readable pickle", fix="the file is truncated or damaged: get it again"):
        return _Machine(allowed, where).run(data)


def restricted_load(path: Path, allowed: Globals = PLAIN_DATA) -> Any:
    """`restricted_loads` of a file, decompressed when its name ends in `bz2`."""
    if not there_is(path):
        raise DataError(f"{path} is missing", fix="complete the download or the installation")
    with reading(f"{path}: cannot be read or decompressed", fix="get the file again"):
        data = read_unpacked(path, LARGEST)
    return restricted_loads(data, allowed, where=str(path))


class _Machine:
    """Runs the instructions of a pickle on a stack.

    Each is one of those that plain data needs (`_DO`, and constants); whatever else there is, such as instructions that
    find classes or call methods, is refused. The memo is a dictionary: its places cost nothing until they are used.
    """

    def __init__(self, allowed: Globals, where: str) -> None:
        self._allowed, self._where = allowed, where
        self.stack: list[Any] = []
        self._below: list[list[Any]] = []  # stacks under each mark
        self.memo: dict[int, Any] = {}
        self._shared = False  # whether a container was put in a second place

    def run(self, data: bytes) -> Any:
        """What the pickle holds; anything at all may be raised for a damaged one."""
        for count, (opcode, argument, _) in enumerate(pickletools.genops(io.BytesIO(data))):
            if count == INSTRUCTIONS:
                raise ValueError(f"more than {INSTRUCTIONS} instructions")
            if opcode.name in _CONSTANTS:
                if type(argument) is int and argument.bit_length() > 64:
                    raise ValueError(f"a number of {argument.bit_length()} bits")
                self.stack.append(argument)
            elif (do := _DO.get(opcode.name)) is not None:
                do(self, argument)
            elif opcode.name not in ("PROTO", "FRAME", "STOP"):
                raise self._refused(opcode.name)
        if len(self.stack) != 1 or self._below:
            raise ValueError("not one value")
        found = _finished(self.stack.pop())
        if self._shared:
            _unfolded(found, {}, 0)
        return found

    def named(self, module: Any, name: Any) -> None:
        """A global, if it is on the list."""
        if (module, name) not in self._allowed:
            raise self._refused(f"{module}.{name}")
        self.stack.append(_Global(self._allowed[module, name]))

    def reduce(self) -> None:
        """Builds what a global stands for."""
        arguments, what = self.stack.pop(), self.stack.pop()
        if type(what) is not _Global or type(arguments) is not tuple or what.build is None:
            raise ValueError("something is called that is no class of plain data")
        if isinstance(what.build, type) and issubclass(what.build, dict | Record) and arguments:
            raise ValueError(f"a {what.build.__name__} from {len(arguments)} arguments")
        self.stack.append(what.build(*arguments))

    def set_state(self) -> None:
        """Gives a record, a type of numbers or an array the rest of it."""
        state, what = self.stack.pop(), self.stack[-1]
        if not isinstance(what, Record | _Dtype | _Array):
            raise ValueError(f"a state of a {type(what).__name__}")
        what.take(state)

    def from_mark(self) -> list[Any]:
        """What was put on the stack since the last mark, which is taken away."""
        found, self.stack = self.stack, self._below.pop()
        return found

    def mark(self) -> None:
        self._below.append(self.stack)
        self.stack = []

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def recall(self, place: int) -> None:
        """Puts what was remembered on the stack once more."""
        value = self.memo[place]
        self._shared |= isinstance(value, list | tuple | dict | Record)
        self.stack.append(value)

    def extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise ValueError("items without a list")
        self.stack[-1].extend(map(_finished, items))

    def set_items(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise ValueError("items without a dictionary")
        self.stack[-1].update(_dict(items))

    def add(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not set:
            raise ValueError("items without a set")
        self.stack[-1].update(_keys(items))

    def _refused(self, what: str) -> DataError:
        return DataError(
            f"{self._where}: the pickle asks for something that is not plain data, so it was not loaded",
            got=what,
            expected="only " + ", ".join(sorted(".".join(key) for key in self._allowed)),
            fix="get the file again from its publisher; do not unpickle this one",
        )


def _finished(value: Any) -> Any:
    """An array in place of what it was built in."""
    if type(value) is not _Array:
        return value
    if value.values is None:
        raise ValueError("an array without values")
    return value.values


def _unfolded(value: Any, known: dict[int, int], level: int) -> int:
    """How many values are met in one; a ValueError where they are too many, or it holds itself."""
    if isinstance(value, dict):
        inside: Any = value.values()
    elif isinstance(value, list | tuple):
        inside = value
    elif isinstance(value, Record):
        inside = value.fields.values()
    else:
        return 1
    if level == DEEPEST:
        raise ValueError(f"more than {DEEPEST} levels of containers, or one that holds itself")
    if id(value) not in known:
        known[id(value)] = 1 + sum(_unfolded(one, known, level + 1) for one in inside)
    if known[id(value)] > UNFOLDED:
        raise ValueError(f"more than {UNFOLDED} values")
    return known[id(value)]


def _pop(machine: _Machine, count: int) -> list[Any]:
    """The last values of the stack, taken away."""
    if len(machine.stack) < count:
        raise ValueError("the stack is empty")
    found = machine.stack[len(machine.stack) - count :]
    del machine.stack[len(machine.stack) - count :]
    return found


def _tuple(items: list[Any]) -> tuple[Any, ...]:
    return tuple(map(_finished, items))


def _dict(items: list[Any]) -> dict[Any, Any]:
    """A dictionary of keys and values in turn."""
    return dict(zip(_keys(items[::2]), map(_finished, items[1::2]), strict=True))


def _keys(items: list[Any]) -> list[Any]:
    """What may stand in a set, or before a value: containers there could take for ever to be compared."""
    for key in items:
        if not all(map(_is_key, key if type(key) is tuple else (key,))):
            raise ValueError(f"a key that is a {type(key).__name__}")
    return items


def _is_key(value: Any) -> bool:
    return type(value) in (str, bytes, bool, type(None)) or (type(value) is int and value.bit_length() < 60)


def _global(machine: _Machine, text: str) -> None:
    machine.named(*text.split(" ", 1))


_NUMBERS = frozenset({"BININT", "BININT1", "BININT2", "INT", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"})
_TEXTS = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING"})
_BYTES = frozenset({"SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8"})
_CONSTANTS = _NUMBERS | _TEXTS | _BYTES
_DO: dict[str, Callable[[_Machine, Any], Any]] = {
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "EMPTY_LIST": lambda m, _: m.push([]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "EMPTY_DICT": lambda m, _: m.push({}),
    "EMPTY_SET": lambda m, _: m.push(set()),
    "MARK": lambda m, _: m.mark(),
    "POP_MARK": lambda m, _: m.from_mark(),
    "LIST": lambda m, _: m.push(list(_tuple(m.from_mark()))),
    "TUPLE": lambda m, _: m.push(_tuple(m.from_mark())),
    "DICT": lambda m, _: m.push(_dict(m.from_mark())),
    "TUPLE1": lambda m, _: m.push(_tuple(_pop(m, 1))),
    "TUPLE2": lambda m, _: m.push(_tuple(_pop(m, 2))),
    "TUPLE3": lambda m, _: m.push(_tuple(_pop(m, 3))),
    "FROZENSET": lambda m, _: m.push(frozenset(_keys(m.from_mark()))),
    "ADDITEMS": lambda m, _: m.add(m.from_mark()),
    "APPEND": lambda m, _: m.extend(_pop(m, 1)),
    "APPENDS": lambda m, _: m.extend(m.from_mark()),
    "SETITEM": lambda m, _: m.set_items(_pop(m, 2)),
    "SETITEMS": lambda m, _: m.set_items(m.from_mark()),
    "PUT": lambda m, place: m.memo.__setitem__(place, m.stack[-1]),
    "BINPUT": lambda m, place: m.memo.__setitem__(place, m.stack[-1]),
    "LONG_BINPUT": lambda m, place: m.memo.__setitem__(place, m.stack[-1]),
    "MEMOIZE": lambda m, _: m.memo.__setitem__(len(m.memo), m.stack[-1]),
    "GET": _Machine.recall,
    "BINGET": _Machine.recall,
    "LONG_BINGET": _Machine.recall,
    "GLOBAL": _global,
    "STACK_GLOBAL": lambda m, _: m.named(*_pop(m, 2)),
    "REDUCE": lambda m, _: m.reduce(),
    "NEWOBJ": lambda m, _: m.reduce(),
    "BUILD": lambda m, _: m.set_state(),
}
