"""Messages are short, whatever they show."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from ghn.errors import DataError
from ghn.shown import LONGEST, shortened, shown


@pytest.mark.parametrize(
    "value", [(OrderedDict(a=1), frozenset({1}), [], {}, (), set()), {"a": (1,), "b": {2}}, [True, None, 1.5, b"x"], 7]
)
def test_what_is_small_is_shown_as_it_is(value: Any) -> None:
    assert shown(value).replace("OrderedDict({'a': 1})", repr(OrderedDict(a=1))) == repr(value)


def test_what_holds_one_another_is_no_longer_than_other_values() -> None:
    doubled: list[Any] = []
    for _ in range(200):
        doubled = [doubled, doubled]
    itself: dict[str, Any] = {}
    itself["me"] = itself
    for value in (doubled, itself, [[[0] * 10**5] * 10**5], "x" * 10**7, {"a": "x" * 10**7}, 10**6000, b"x" * 10**7):
        assert len(shown(value)) <= LONGEST + 40


def test_what_cannot_be_shown() -> None:
    class Refuses:
        def __repr__(self) -> str:
            raise RuntimeError

    assert shown([Refuses()]) == "[<Refuses>]"


def test_errors_are_short_and_keep_both_ends() -> None:
    error = DataError(f"{'/x' * 10**5}: not JSON", got=["\x1b[31m"] * 10**5, expected="y" * 10**5, fix="z" * 10**5)
    assert len(str(error)) < 20_000 and "\x1b" not in str(error)
    assert error.what.startswith("/x/x") and error.what.endswith(": not JSON")
    assert shortened("ab" * 10, 20) == "ab" * 10
