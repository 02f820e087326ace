"""Searchers by name."""

from __future__ import annotations

from typing import Any

import pytest
import toy

from ghn.errors import ConfigError
from ghn.search import SCHEDULERS, SEARCHERS, ListSearch, make_searcher


@pytest.mark.parametrize("name", [*SEARCHERS, *SCHEDULERS])
def test_every_searcher_is_made_by_name(name: str) -> None:
    options = {"max_budget": 9} if name in SCHEDULERS else {"budget": 9}
    first = make_searcher(name, toy.SPACE, seed=3, **options).ask(3)
    assert first == make_searcher(name, toy.SPACE, seed=3, **options).ask(3)
    assert [t.arch for t in first] != [t.arch for t in make_searcher(name, toy.SPACE, seed=4, **options).ask(3)]


def test_a_scheduler_takes_any_searcher() -> None:
    searcher = make_searcher("asha", toy.SPACE, inner=ListSearch(["a", "b"], None), max_budget=9)
    assert [t.arch for t in searcher.ask(5)] == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("annealing", {}, "unknown searcher"),
        ("random", {"population": 3}, "unknown option of the searcher random"),
        ("random", {"seed": "a"}, "the searcher random: seed must be"),
        ("random", {"budget": "a"}, "budget must be a number above 0"),
        ("evolution", {"population": "a"}, "population must be a whole number"),
        ("local_search", {"starts": None}, "starts must be a whole number"),
        ("pnas", {"beam": 1.5}, "beam must be a whole number"),
        ("lemonade", {"founders": "a"}, "founders must be a whole number"),
        ("hyperband", {"max_budget": 9, "rounds": "a"}, "rounds must be a whole number"),
        ("successive_halving", {"max_budget": 9, "n": "a"}, "n must be a whole number"),
        ("asha", {}, "max_budget"),
        ("hyperband", {"max_budget": 9, "brackets": 7}, "1 to 3"),
    ],
)
def test_what_is_no_searcher(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_searcher(name, toy.SPACE, **options)
