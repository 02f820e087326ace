"""What a search spent, found and may spend."""

from __future__ import annotations

import pytest

from ghn.errors import ConfigError
from ghn.search import Limit, SearchResult
from ghn.types import Score, Trial


def result() -> SearchResult:
    found = SearchResult()
    found.add(Trial("0@1", "a", 1.0), Score(0.5, 10.0, budget=1.0))
    found.add(Trial("1@1", "b", 1.0), Score(0.6, 10.0, budget=1.0))
    found.add(Trial("2@1", "c", 1.0), Score.failed("it broke", 3.0))
    found.add(Trial("0@4", "a", 4.0, "0@1"), Score(0.55, 30.0, budget=4.0))
    return found


def test_resumed_trials_cost_the_difference_and_failed_ones_what_they_were_given() -> None:
    assert [step.epochs for step in result().steps] == [1, 2, 3, 6]
    assert [step.cost_seconds for step in result().steps] == [10, 20, 23, 53]
    assert (result().epochs, result().cost_seconds, result().failures) == (6, 53, 1)


def test_the_best_has_the_largest_budget() -> None:
    assert [step.best and step.best[0].id for step in result().steps] == ["0@1", "1@1", "1@1", "0@4"]
    assert [t.id for t, _ in result().ranked()] == ["0@4", "1@1"]
    assert SearchResult().best is None and SearchResult().epochs == 0


def test_heirs_of_another_architecture_cost_all_that_they_were_given_and_leave_their_parents_in_the_ranking() -> None:
    found = result()
    found.add(Trial("3", "d", 2.0, "1@1"), Score(0.7, 5.0, budget=2.0))
    assert found.steps[-1].epochs == 8
    assert [t.id for t, _ in found.ranked()] == ["0@4", "3", "1@1"]
    found.add(Trial("4", "d", 5.0, "3"), Score(0.8, 5.0, budget=5.0))  # which it goes on with itself
    assert found.steps[-1].epochs == 11
    assert [t.id for t, _ in found.ranked()] == ["4", "0@4", "1@1"]


def test_ties_for_the_best_are_listed() -> None:
    found = result()
    assert [t.id for t, _ in found.ties] == ["0@4"] and SearchResult().ties == []
    found.add(Trial("5@4", "e", 4.0), Score(0.55, budget=4.0))
    found.add(Trial("6@1", "f", 1.0), Score(0.55, budget=1.0))  # of another budget
    assert [t.id for t, _ in found.ties] == ["0@4", "5@4"] and found.best is not None and found.best[0].id == "0@4"


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        (Limit(), True),
        (Limit(trials=5), False),  # four finished, one running
        (Limit(trials=6), True),
        (Limit(epochs=11), False),  # 6 spent, 3 running, 3 more
        (Limit(epochs=12), True),
        (Limit(cost_seconds=53), False),
        (Limit(cost_seconds=54), True),
        (Limit(seconds=7), False),
        (Limit(seconds=7.5, trials=6, epochs=12, cost_seconds=100), True),
        (Limit(seconds=7.5, trials=6, epochs=11, cost_seconds=100), False),
    ],
)
def test_limits(limit: Limit, allowed: bool) -> None:
    running, new = Trial("1@4", "b", 4.0, "1@1"), Trial("3@3", "d", 3.0)
    assert limit.allows(new, result(), [running], 7.0) is allowed


def test_what_is_left_in_words() -> None:
    assert Limit(epochs=10, trials=4).left(result(), 0.0) == "4 epochs, 0 trials"


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"epochs": -1}, {"seconds": float("nan")}, {"trials": "3"}])
def test_limits_below_zero(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"a limit of \w+ must be a (whole number of at least 1|number above 0)"):
        Limit(**wrong)  # type: ignore[arg-type]
