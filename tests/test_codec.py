"""The codec of frozen results: what is written comes back, and what is damaged says where."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from ghn.errors import DataError
from ghn.files import Stored, plain
from ghn.report.model import Survey

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Inner:
    value: float
    low: float | None = None


@dataclass(frozen=True, slots=True)
class Nested(Stored):
    SCHEMA: ClassVar[str] = "test.nested/1"

    count: int


@dataclass(frozen=True, slots=True)
class Outer(Stored):
    SCHEMA: ClassVar[str] = "test.outer/1"
    KEYS: ClassVar[str] = "docs/outer.md"

    name: str
    sure: bool
    pairs: tuple[Inner, ...]
    by_size: dict[int, list[float]]
    nested: Nested | None
    free: dict[str, Any] = field(default_factory=dict)


def outer() -> Outer:
    return Outer("x", True, (Inner(1.5), Inner(2, 0.5)), {3: [0.1, 0.2]}, Nested(7), {"a": [1, None, {"b": "c"}]})


def changed(*path: Any, value: Any) -> dict[str, Any]:
    data = json.loads(json.dumps(outer().to_json()))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


def test_what_is_written_comes_back() -> None:
    data = outer().to_json()
    assert data["schema"] == "test.outer/1" and data["nested"] == {"schema": "test.nested/1", "count": 7}
    assert data["by_size"] == {"3": [0.1, 0.2]}
    assert Outer.from_json(json.loads(json.dumps(data, allow_nan=False))) == outer()


def test_no_foreign_types_and_no_nan() -> None:
    assert plain({"a": np.float64("nan"), "b": np.arange(2), "c": (math.inf, np.bool_(True)), 1: Path("x")}) == {
        "a": None,
        "b": [0, 1],
        "c": [None, True],
        "1": "x",
    }


def test_null_is_nan_where_a_number_cannot_be_missing() -> None:
    data = Outer("x", True, (Inner(math.nan),), {}, None).to_json()
    assert data["pairs"][0]["value"] is None
    (pair,) = Outer.from_json(data).pairs
    assert math.isnan(pair.value) and pair.low is None


def test_a_key_that_was_added_later_may_be_missing() -> None:
    assert Outer.from_json(changed("pairs", 0, value={"value": 1.5})) == outer()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (changed("surprise", value=1), "keys of Outer: unknown surprise"),
        (changed("pairs", 1, value={"low": 1.0}), r"keys of pairs\[1\]: missing value"),
        (changed("pairs", 1, value={"lower": 1.0}), r"keys of pairs\[1\]: missing value; unknown lower"),
        (changed("pairs", 0, "value", value="high"), r"pairs\[0\]\.value is 'high', not of type float"),
        (changed("nested", "count", value=True), "nested.count is 'True', not of type int"),
        (changed("sure", value=1), "sure is '1', not of type bool"),
        (changed("by_size", "3", 0, value=[]), r"by_size\.3\[0\]"),
        (changed("by_size", value={"three": []}), "by_size has the key 'three', not of type int"),
        (changed("pairs", value=None), "pairs is 'None', not of type"),
        (changed("pairs", 0, value=3), r"pairs\[0\] is '3', no object"),
    ],
)
def test_damage_is_named_with_its_place(data: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=rf"JSON is damaged\n  got:      {message}(.|\n)*docs/outer\.md"):
        Outer.from_json(data)


@pytest.mark.parametrize("place", [("schema",), ("nested", "schema")])
def test_another_schema_is_refused_at_any_depth(place: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"got:      schema 'test\.other/1'"):
        Outer.from_json(changed(*place, value="test.other/1"))


def test_the_shipped_survey_loads_and_is_written_as_it_was() -> None:
    data = json.loads((ROOT / "docs" / "survey" / "survey.json").read_text())
    written = Survey.from_json(data).to_json()
    assert kept(data, written), "what a later version adds is beside what was there"
    assert Survey.from_json(written).to_json() == written


def kept(old: Any, new: Any) -> bool:
    """Whether all of the old is in the new."""
    if isinstance(old, dict):
        return old.keys() <= new.keys() and all(kept(value, new[key]) for key, value in old.items())
    if isinstance(old, list):
        return len(old) == len(new) and all(map(kept, old, new))
    return bool(old == new)
