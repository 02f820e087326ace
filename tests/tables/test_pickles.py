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
from ghn.tables.pickles import Record, restricted_load, restricted_loads


class Evil:
    """Unpickles by calling what it was given."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [3, 4])
def test_plain_data(protocol: int) -> None:
    data = OrderedDict(a=[1, 2.5, None, ("x", b"y")], b={1: True}, c=np.float64(0.5), d=np.arange(3.0))
    data |= {(1, 2): -1, "g": 2**40, "long": "x" * 300}
    if protocol == 4:
        data |= {"e": {"one"}, "f": frozenset({(1, None)})}
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


@pytest.mark.parametrize(
    "state",
    [
        (
            3,
            "<",
            None,
            ("a",),
            {"a": (np.dtype("f8"), 1 << 40)},
            8,
            1,
            0,
        ),  # a field far outside of an item
        (3, "<", (np.dtype("f8"), (1 << 40,)), None, None, 8, 1, 0),
    ],
)
def test_a_type_of_numbers_has_no_fields(state: Any) -> None:
    """numpy's own `__setstate__` believes whatever a file says of the memory that an item takes."""

    class Dtype:
        def __reduce__(self) -> Any:
            return np.dtype, ("V8", False, True), state

    with pytest.raises(DataError, match="V8"):
        restricted_loads(pickle.dumps(Dtype()), where="x")


@pytest.mark.parametrize(
    "data", [np.array([print]), np.zeros(1, [("a", "f8")]), np.array(["2020-01-01"], "M8[D]")], ids=str
)
def test_arrays_hold_numbers_and_texts_alone(data: Any) -> None:
    with pytest.raises(DataError):
        restricted_loads(pickle.dumps(data, 4), where="x")
    for plain in (np.eye(2), np.asfortranarray(np.arange(6, dtype=">i4").reshape(2, 3)), np.array(["ab", "c"])):
        np.testing.assert_array_equal(restricted_loads(pickle.dumps(plain, 4), where="x"), plain)


def test_an_array_is_no_larger_than_its_data() -> None:
    class Huge:
        def __reduce__(self) -> Any:
            make, args, (version, _, *rest) = np.zeros(1).__reduce__()
            return make, args, (version, (1 << 50,), *rest)

    with pytest.raises(DataError, match="not a readable pickle"):
        restricted_loads(pickle.dumps(Huge()), where="x")


@pytest.mark.parametrize("state", [({"a": 1}, {"__class__": 1}), {1: 2}, "text", ["a"]], ids=str)
def test_a_record_takes_a_dictionary_of_attributes_alone(state: Any) -> None:
    class Foreign:
        def __reduce__(self) -> Any:
            return OrderedDict, (), state

    payload = pickle.dumps(Foreign())
    with pytest.raises(DataError, match="not a readable pickle"):
        restricted_loads(payload, {("collections", "OrderedDict"): Record}, where="x")


def test_attributes_of_a_record_are_none() -> None:
    class Foreign:
        def __reduce__(self) -> Any:
            return OrderedDict, (), {"__setstate__": "mine", "__class__": "mine", "value": 1}

    record = restricted_loads(pickle.dumps(Foreign()), {("collections", "OrderedDict"): Record}, where="x")
    assert type(record) is Record and record.fields["value"] == 1 and callable(record.take)


def test_a_file_that_swells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghn.tables.pickles.LARGEST", 10_000)
    (tmp_path / "a.pbz2").write_bytes(bz2.compress(pickle.dumps(b"0" * 1_000_000)))
    with pytest.raises(DataError, match="more than 10000 bytes once it is decompressed"):
        restricted_load(tmp_path / "a.pbz2")


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


def test_little_takes_little() -> None:
    """A place in the memo, a length or a shape costs nothing before there is something to put there."""
    assert restricted_loads(b"\x80\x04Nr\xff\xff\xff\x7f.", where="x") is None  # LONG_BINPUT
    huge = pickle.dumps(np.zeros(3), 4).replace(b"K\x00\x85", b"J\xff\xff\xff\x7f\x85")  # of _reconstruct
    np.testing.assert_array_equal(restricted_loads(huge, where="x"), np.zeros(3))
    with pytest.raises(DataError, match="not a readable pickle"):
        restricted_loads(b"\x80\x04\x8e" + b"\xff" * 7 + b"\x7f.", where="x")  # BINBYTES8


def test_more_instructions_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ghn.tables.pickles.INSTRUCTIONS", 50)
    with pytest.raises(DataError, match="more than 50 instructions"):
        restricted_loads(b"\x80\x04" + b"]" * 60 + b".", where="x")


def test_what_stands_in_many_places_is_counted_in_each() -> None:
    doubled: list[Any] = []
    for _ in range(80):
        doubled = [doubled, doubled]
    with pytest.raises(DataError, match=r"more than [0-9]+ values"):
        restricted_loads(pickle.dumps(doubled, 4), where="x")
    shared = [1, 2]
    assert restricted_loads(pickle.dumps([shared, shared], 4), where="x") == [[1, 2], [1, 2]]
    itself: list[Any] = []
    itself.append(itself)
    with pytest.raises(DataError, match="one that holds itself"):
        restricted_loads(pickle.dumps(itself, 4), where="x")


def test_keys_are_plain() -> None:
    """To hash tuples that hold one another sixty times over would take for ever."""
    key: tuple[Any, ...] = ()
    for _ in range(3):
        key = (key, key)
    for data in ({key: 1}, {(1.5,): 1}, {2**61: 1}, {frozenset({1}): 2}, {frozenset({1})}):
        with pytest.raises(DataError, match="a key that is"):
            restricted_loads(pickle.dumps(data, 4), where="x")


@pytest.mark.parametrize("code", [b"O8", b"V8", b"M8"])
def test_a_forged_type_of_numbers(code: bytes) -> None:
    """numpy's own would give objects over bytes of the file, whose `repr` is a crash."""
    made = b"cnumpy\ndtype\n(X\x02\x00\x00\x00" + code + b"I00\nI01\ntR"
    array = b"cnumpy.core.multiarray\n_reconstruct\n)R(I1\n(I1\nt" + made + b"I00\nC\x08AAAAAAAAtb."
    for data in (made + b".", array):
        with pytest.raises(DataError, match="an array of"):
            restricted_loads(data, where="x")
    plain = array.replace(code, b"f8")
    assert restricted_loads(plain, where="x").dtype == np.float64


@pytest.mark.parametrize(
    "data",
    [
        b"cnumpy.core.multiarray\nscalar\n}X\x0c\x00\x00\x00__defaults__(tsb.",  # a state of a function
        b"cnumpy\ndtype\nX\x01\x00\x00\x00xb.",
        b"ccollections\nOrderedDict\n)R}X\x05\x00\x00\x00itemsK\x01sb.",
        b"K\x01K\x02.",
        b"(K\x01.",
        b"]K\x01s.",
        b"h\x05.",
        b"}K\x01a.",
        b"Pid\n.",
        b"cnumpy.core.multiarray\n_reconstruct\n)R.",
    ],
)
def test_no_other_instructions(data: bytes) -> None:
    with pytest.raises(DataError):
        restricted_loads(data, where="x")
