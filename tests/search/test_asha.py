"""ASHA: promotions without waiting."""

from __future__ import annotations

from typing import Any

from ghn.search import ASHA, ListSearch
from ghn.types import Score, Trial


def asha(n: int = 40, **settings: Any) -> ASHA[str]:
    return ASHA(ListSearch([str(i) for i in range(n)], None), **{"max_budget": 9, **settings})


def tell(searcher: ASHA[str], trial: Trial[str], value: float | None) -> None:
    searcher.tell(trial, Score.failed("it broke") if value is None else Score(value))


def test_the_third_of_three_lets_the_best_go_on() -> None:
    searcher = asha()
    a, b, c = searcher.ask(3)
    tell(searcher, b, 0.9)
    tell(searcher, a, 0.5)
    assert searcher.ask()[0].resume is None  # two of them: none yet
    tell(searcher, c, 0.1)
    (promoted,) = searcher.ask()
    assert (promoted.resume, promoted.arch, promoted.budget) == (b.id, b.arch, 3)
    assert searcher.ask()[0].resume is None  # once is enough


def test_a_trial_can_go_on_later_when_the_rung_has_grown() -> None:
    searcher = asha()
    first = searcher.ask(6)
    for trial, value in zip(first, (0.9, 0.8, 0.1, 0.2, 0.3), strict=False):
        tell(searcher, trial, value)
    assert [t.resume for t in searcher.ask(2)] == [first[0].id, None]
    tell(searcher, first[5], 0.0)
    assert searcher.ask()[0].resume == first[1].id


def test_the_highest_rung_comes_first() -> None:
    searcher = asha()
    first = searcher.ask(9)
    for i, trial in enumerate(first[:8]):
        tell(searcher, trial, float(i))
    second = searcher.ask(2)
    assert [t.arch for t in second] == ["7", "6"]
    tell(searcher, first[8], 8.0)
    second += searcher.ask()
    for trial in second:
        tell(searcher, trial, float(trial.arch))
    for i, trial in enumerate(searcher.ask(0) or [*first[9:]]):
        tell(searcher, trial, float(i))
    top = searcher.ask()[0]
    assert (top.budget, top.arch, top.resume) == (9, "8", second[2].id)


def test_failures_count_as_finished_and_never_go_on() -> None:
    searcher = asha()
    a, b, c = searcher.ask(3)
    tell(searcher, a, None)
    tell(searcher, b, None)
    tell(searcher, c, 0.1)
    assert searcher.ask()[0].resume == c.id
    lost = asha(3)
    for trial in lost.ask(3):
        tell(lost, trial, None)
    assert lost.ask() == []


def test_one_rung_is_the_inner_search() -> None:
    searcher = asha(5, min_budget=9)
    trials = searcher.ask(10)
    for trial in trials:
        tell(searcher, trial, 0.5)
    assert [t.budget for t in trials] == [9] * 5 and searcher.ask() == []
