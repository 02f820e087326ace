"""Reads pickles from elsewhere without letting them run anything: every global must be on a short list."""

from __future__ import annotations

import bz2
import io
import pickle
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import DataError

Globals = Mapping[tuple[str, str], Any]  # (module, name) as written in the pickle -> what to use for it


def _numpy_globals() -> dict[tuple[str, str], Any]:
    """What numpy writes for scalars and arrays, taken from it: its private modules have moved once."""
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
    found: dict[tuple[str, str], Any] = {("numpy", "dtype"): np.dtype, ("numpy", "ndarray"): np.ndarray}
    for module in ("numpy.core.multiarray", "numpy._core.multiarray"):
        found |= {(module, "scalar"): scalar, (module, "_reconstruct"): reconstruct}
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
    """Unpickles plain data.

    Args:
        data: the pickle.
        allowed: the globals that it may name, and what stands for each.
        where: the file, for messages.

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
    """`restricted_loads` of a file, decompressed when its name ends in `bz2`.

    Raises:
        DataError: the file is missing or damaged, or names a global that is not allowed.
    """
    try:
        data = path.read_bytes()
        if path.suffix.endswith("bz2"):
            data = bz2.decompress(data)
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing", fix="complete the download or the installation") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read or decompressed", got=str(error), fix="get the file again") from error
    return restricted_loads(data, allowed, where=str(path))
