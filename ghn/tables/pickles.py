"""Reads pickles from elsewhere without letting them run anything: every global must be on a short list."""

from __future__ import annotations

import bz2
import io
import pickle
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import DataError

LARGEST = 1 << 30  # bytes of a file, decompressed; the largest of those that are read has 40 MB
Globals = Mapping[tuple[str, str], Any]  # (module, name) as written in the pickle -> what to use for it


class Record:
    """Stands for a class of a publisher: it keeps what a pickle sets in `fields`, none of it as an attribute."""

    __slots__ = ("fields",)

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        if type(state) is not dict or not all(type(name) is str for name in state):
            raise ValueError(f"a record's state is no dictionary of attributes but {type(state).__name__}")
        self.fields = state


class _Dtype:
    """Stands for `numpy.dtype`, which believes any state: numbers and texts alone, whose state is a byte order."""

    def __init__(self, code: str, *_copying: bool) -> None:
        if not isinstance(code, str) or not re.fullmatch(r"[biufcSU][0-9]{1,4}", code):
            raise ValueError(f"an array of {code!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: Any) -> None:
        if type(state) is not tuple or state[1] not in ("<", ">", "|", "="):
            raise ValueError(f"a type of numbers with the state {state!r}")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray[Any, Any]):
    """Stands for `numpy.ndarray`, which believes any state, too."""

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, in_columns, data = state
        if type(kind) is not _Dtype or type(data) is not bytes:
            raise ValueError(f"an array of {type(kind).__name__}, from {type(data).__name__}")
        super().__setstate__((1, shape, kind.dtype, in_columns, data))

    def __repr__(self) -> str:
        return repr(self.view(np.ndarray))


def _array(*_kind_shape_and_type: Any) -> _Array:
    return np.ndarray.__new__(_Array, 0)


def _scalar(kind: _Dtype, data: bytes) -> Any:
    (value,) = np.frombuffer(data, kind.dtype)
    return value


def _numpy_globals() -> dict[tuple[str, str], Any]:
    """What stands for the functions that numpy's own pickles name; its private modules have moved once."""
    found: dict[tuple[str, str], Any] = {("numpy", "dtype"): _Dtype, ("numpy", "ndarray"): None}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        found |= {(module, "scalar"): _scalar, (module, "_reconstruct"): _array}
    return found


PLAIN_DATA: Globals = {("collections", "OrderedDict"): OrderedDict, **_numpy_globals()}


class _Restricted(pickle.Unpickler):
    """Resolves globals from a list only; without any, a pickle can only build plain containers."""

    def __init__(self, data: bytes, allowed: Globals, where: str) -> None:
        super().__init__(io.BytesIO(data))
        self._allowed = allowed
        self._where = where

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        raise DataError(
            f"{self._where}: the pickle asks for something that is not plain data, so it was not loaded",
            got=f"{module}.{name}",
            expected="only " + ", ".join(sorted(".".join(key) for key in self._allowed)),
            fix="get the file again from its publisher; do not unpickle this one",
        )


def restricted_loads(data: bytes, allowed: Globals = PLAIN_DATA, *, where: str) -> Any:
    """Unpickles plain data; `allowed` says which globals it may name, and what stands for each.

    Raises:
        DataError: another global is named (and was neither imported nor called), or the pickle is damaged.
    """
    try:
        return _Restricted(data, allowed, where).load()
    except DataError:
        raise
    except Exception as error:  # a damaged pickle fails in any of a dozen ways
        raise DataError(
            f"{where}: not a readable pickle",
            got=f"{type(error).__name__}: {error}",
            fix="the file is truncated or damaged: get it again",
        ) from error


def restricted_load(path: Path, allowed: Globals = PLAIN_DATA) -> Any:
    """`restricted_loads` of a file, decompressed when its name ends in `bz2`."""
    try:
        opened = bz2.open if path.suffix.endswith("bz2") else open
        with opened(path, "rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"more than {LARGEST} bytes")
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", fix="complete the download or the installation") from error
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: cannot be read or decompressed", got=str(error), fix="get the file again") from error
    return restricted_loads(data, allowed, where=str(path))
