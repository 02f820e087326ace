"""Pickles from elsewhere: plain data passes, anything else is refused before it runs."""

from __future__ import annotations

import bz2
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghn.errors import DataError
from ghn.tables.pickles import restricted_load, restricted_loads


class Evil:
    """Unpickles by calling what it was given."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [3, 4])
def test_plain_data(protocol: int) -> None:
    data = OrderedDict(a=[1, 2.5, None, ("x", b"y")], b={1: True}, c=np.float64(0.5), d=np.arange(3.0))
    loaded = restricted_loads(pickle.dumps(data, protocol), where="x")
    assert isinstance(loaded, OrderedDict)
    assert repr(loaded) == repr(data)


def test_names_of_older_numpy() -> None:
    old = pickle.dumps(np.float64(0.25), 3).replace(b"numpy._core", b"numpy.core")
    assert b"numpy.core.multiarray" in old
    assert restricted_loads(old, where="x") == 0.25


@pytest.mark.parametrize(
    ("function", "argument", "name"),
    [
        (os.system, "touch {}", "system"),
        (eval, "open('{}', 'w')", "builtins.eval"),
        (np.fromfile, "{}", "fromfile"),
        (Path.touch, "{}", "getattr|touch"),
    ],
)
def test_code_is_refused_before_it_runs(function: Any, argument: str, name: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    payload = pickle.dumps({"fine": 1, "results": Evil(function, argument.format(mark))})
    with pytest.raises(DataError, match=f"(?s)some/file.*not plain data.*{name}"):
        restricted_loads(payload, where="some/file")
    assert not mark.exists()


@pytest.mark.parametrize("payload", [b"ccollections\nOrderedDict.fromkeys\n.", b"cos\npath\n.", b"(ios\nsystem\n."])
def test_nothing_is_reached_through_what_is_allowed(payload: bytes) -> None:
    with pytest.raises(DataError, match="not plain data"):
        restricted_loads(payload, where="x")


def test_damaged(tmp_path: Path) -> None:
    whole = pickle.dumps({"a": list(range(100))})
    for cut in (0, 1, 10, len(whole) - 1):
        with pytest.raises(DataError, match="not a readable pickle"):
            restricted_loads(whole[:cut], where="x")
    with pytest.raises(DataError, match="is missing"):
        restricted_load(tmp_path / "none.pbz2")
    (tmp_path / "a.pbz2").write_bytes(bz2.compress(whole)[:-5])
    with pytest.raises(DataError, match=r"a\.pbz2"):
        restricted_load(tmp_path / "a.pbz2")
    (tmp_path / "a.pbz2").write_bytes(bz2.compress(whole))
    assert restricted_load(tmp_path / "a.pbz2") == {"a": list(range(100))}
