"""Successive halving, Hyperband and ASHA: who goes on, at which budget, and what is refused."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import pytest
import recorded

from ghn.analysis.successive_halving import rung_budgets, rung_sizes, total_budget
from ghn.errors import ConfigError
from ghn.search import ASHA, Hyperband, ListSearch, SuccessiveHalving
from ghn.types import Score, Searcher, Trial


def by_budget(trials: list[Trial[Any]]) -> dict[float, list[str]]:
    found = defaultdict(list)
    for trial in trials:
        found[trial.budget].append(trial.arch)
    return dict(found)


def play(searcher: Searcher[Any], value: Any) -> list[Trial[Any]]:
    """One trial at a time, `value(trial)` the score, None for a failure."""
    trials = []
    while new := searcher.ask():
        trials += new
        found = value(new[0])
        searcher.tell(new[0], Score.failed("it broke") if found is None else Score(found))
    return trials


def number(trial: Trial[Any]) -> float:
    return float(trial.arch)


@pytest.mark.parametrize(
    ("settings", "rungs"),
    [
        ((1, 9, 3), (1, 3, 9)),
        ((1, 20, 3), (1, 3, 9, 20)),
        ((2, 20, 3), (2, 6, 18, 20)),
        ((5, 5, 3), (5,)),
        ((1, 10, 1.5), (1, 2, 3, 5, 8, 10)),  # whole epochs
        ((0.5, 3, 2), (0.5, 1, 2, 3)),
        ((1, 1000, 10), (1, 10, 100, 1000)),  # no rung too many by rounding
    ],
)
def test_budgets_of_rungs(settings: tuple[float, float, float], rungs: tuple[float, ...]) -> None:
    assert rung_budgets(*settings) == rungs


def test_every_rung_promotes_its_best_and_resumes_them() -> None:
    trials = play(SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=9), number)
    rungs = by_budget(trials)
    assert [len(rungs[b]) for b in (1, 3, 9)] == [9, 3, 1]
    assert rungs[3] == ["8", "7", "6"] and rungs[9] == ["8"]
    last = trials[-1]
    before = next(t for t in trials if t.id == last.resume)
    assert (last.arch, last.budget, before.budget) == ("8", 9, 3) and last.id.split("@")[0] == before.id.split("@")[0]


def test_of_equals_the_earlier_goes_on() -> None:
    rungs = by_budget(play(SuccessiveHalving(ListSearch(list("abcdef"), None), max_budget=3, n=6), lambda t: 0.5))
    assert rungs[3] == ["a", "b"]


def test_the_last_scores_decide_not_the_first() -> None:
    """A slow starter that made it to the second rung can win there."""

    def value(trial: Trial[Any]) -> float:
        return float(trial.arch) * (1 if trial.budget == 1 else -1)

    assert by_budget(play(SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=9), value))[9] == ["6"]


def test_failures_are_not_promoted_and_a_poor_rung_promotes_what_there_is() -> None:
    def value(trial: Trial[Any]) -> float | None:
        return number(trial) if number(trial) in (3, 5) else None

    rungs = by_budget(play(SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=9), value))
    assert sorted(rungs[3]) == ["3", "5"] and rungs[9] == ["5"]
    assert list(by_budget(play(SuccessiveHalving(ListSearch(list("abc")), max_budget=3), lambda t: None))) == [1]


def test_too_few_candidates_from_within_go_on_with_what_there_are() -> None:
    rungs = by_budget(play(SuccessiveHalving(ListSearch(["1", "2", "3"]), max_budget=9, n=18), number))
    assert (len(rungs[1]), sorted(rungs[3]), sorted(rungs[9])) == (3, ["1", "2", "3"], ["2", "3"])


def test_workers_wait_for_the_rung() -> None:
    searcher = SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=9)
    first = searcher.ask(20)
    assert len(first) == 9 and searcher.ask() == []
    for trial in first[:-1]:
        searcher.tell(trial, Score(number(trial)))
        assert searcher.ask() == []
    searcher.tell(first[-1], Score(number(first[-1])))
    assert [t.budget for t in searcher.ask(20)] == [3, 3, 3]


def test_the_inner_searcher_is_told_of_the_first_rung_once() -> None:
    class Listener(ListSearch[str]):
        told: list[tuple[str, float]] = []  # noqa: RUF012

        def tell(self, trial: Trial[str], score: Score) -> None:
            super().tell(trial, score)
            self.told.append((trial.arch, score.value))

    play(SuccessiveHalving(Listener([str(i) for i in range(9)]), max_budget=9), lambda t: number(t) + 100 * t.budget)
    assert sorted(Listener.told) == [(str(i), 100.0 + i) for i in range(9)]


def test_total_budget_buys_the_most_candidates() -> None:
    def spent(total: float) -> tuple[int, float]:
        rungs = by_budget(play(SuccessiveHalving(recorded.candidates(), max_budget=9, total=total), lambda t: 0.5))
        return len(rungs[1]), len(rungs[1]) + 2 * len(rungs[3]) + 6 * len(rungs.get(9, []))

    assert spent(21) == (9, 21)  # 9 + 3 * (3 - 1) + 1 * (9 - 3)
    for total in (22, 40, 100):
        n, cost = spent(total)
        rungs = rung_budgets(1, 9, 3)
        assert cost == total_budget(rungs, rung_sizes(n, 3, 3)) <= total
        assert total_budget(rungs, rung_sizes(n + 1, 3, 3)) > total


def test_hyperband_is_algorithm_1_of_the_paper() -> None:
    """R = 81, eta = 3: n = ceil((s_max + 1) / (s + 1) * eta^s), each rung floor(n / eta^i)."""
    rungs = rung_budgets(1, 81, 3)
    wanted = [
        {1: 81, 3: 27, 9: 9, 27: 3, 81: 1},
        {3: 34, 9: 11, 27: 3, 81: 1},
        {9: 15, 27: 5, 81: 1},
        {27: 8, 81: 2},
        {81: 5},
    ]
    trials = play(Hyperband(ListSearch([str(i) for i in range(200)], None), max_budget=81), number)
    assert rungs == (1, 3, 9, 27, 81)
    found: list[dict[float, int]] = []
    for before, trial in zip([None, *trials], trials, strict=False):
        if before is None or (trial.resume is None and (before.resume or before.budget != trial.budget)):
            found.append(defaultdict(int))
        found[-1][trial.budget] += 1
    assert found == wanted


def test_hyperband_brackets_and_rounds() -> None:
    def starts(**settings: Any) -> list[float]:
        trials = play(Hyperband(ListSearch([str(i) for i in range(500)]), max_budget=9, **settings), number)
        first = [t.budget for t in trials if t.resume is None]
        return [b for b, before in zip(first, [None, *first], strict=False) if b != before]

    assert starts() == [1, 3, 9]
    assert starts(brackets=2) == [1, 3]
    assert starts(rounds=2) == [1, 3, 9, 1, 3, 9]
    assert len(starts(rounds=None)) > 20  # until the list ends


def test_idle_workers_begin_the_next_bracket() -> None:
    searcher = Hyperband(ListSearch([str(i) for i in range(50)]), max_budget=9)
    assert [t.budget for t in searcher.ask(100)] == [1] * 9 + [3] * 5 + [9] * 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_budget": 2, "min_budget": 3}, "below the cheapest rung"),
        ({"max_budget": 0}, "budgets of no rung"),
        ({"max_budget": math.inf}, r"max_budget must be a number\n +got: +inf"),
        ({"max_budget": "nine"}, "max_budget must be a number"),
        ({"max_budget": 9, "eta": 1.0001}, r"too many rungs\n +got: +eta=1\.0001"),
        ({"max_budget": 9, "eta": 1}, "eta"),
        ({"max_budget": 9, "n": 8}, "at least 9"),
        ({"max_budget": 9, "total": 20}, "at least 21, for 9 candidates"),
        ({"max_budget": 9, "total": 30, "n": 9}, "not both"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_fit(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SuccessiveHalving(recorded.candidates(), **settings)


@pytest.mark.parametrize("settings", [{"brackets": 0}, {"brackets": 4}, {"rounds": 0}])
def test_hyperband_refuses(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        Hyperband(recorded.candidates(), max_budget=9, **settings)


# --- ASHA: promotions without waiting


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


# --- budgets that are raised


def raised(searcher: Any, value: Any, to: float) -> tuple[list[Trial[Any]], list[Trial[Any]]]:
    """Trials before and after the largest budget was raised, at the end of the search."""
    before = play(searcher, value)
    searcher.raise_budget(to)
    return before, play(searcher, value)


def test_the_best_of_a_finished_halving_climbs_to_higher_rungs() -> None:
    searcher = SuccessiveHalving(ListSearch([str(i) for i in range(18)]), max_budget=9, n=18)
    before, after = raised(searcher, number, 81)
    assert [(t.arch, t.budget, t.resume) for t in after[:1]] == [("17", 27, before[-2].id)]
    assert [(t.arch, t.budget) for t in after] == [("17", 27), ("17", 81)]
    assert searcher.max_budget == 81 and searcher.identity["rungs"] == [1, 3, 9]  # as it was begun
    assert searcher.ask() == []


def test_a_halving_that_is_raised_on_its_way_is_as_one_of_the_higher_budget() -> None:
    searcher = SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=3, n=9)
    first = searcher.ask(4)
    searcher.raise_budget(9)
    for trial in first:
        searcher.tell(trial, Score(number(trial)))
    other = SuccessiveHalving(ListSearch([str(i) for i in range(9)]), max_budget=9)
    assert [*first, *play(searcher, number)] == play(other, number)


def test_hyperband_gets_higher_rungs_in_every_bracket_and_a_bracket_more() -> None:
    before, after = raised(Hyperband(ListSearch([str(i) for i in range(60)], 1), max_budget=9), number, 27)
    tops = [t for t in before if t.budget == 9]
    climbed = [t for t in after if t.resume in {t.id for t in tops}]
    assert {t.budget for t in climbed} == {27} and len(climbed) == 3  # the best of each bracket
    fresh = [t for t in after if t.resume is None]
    assert [t.budget for t in fresh] == [27] * 4  # the last bracket of a Hyperband of four rungs
    assert not {t.arch for t in before} & {t.arch for t in fresh}


def test_asha_goes_on_above() -> None:
    searcher = ASHA(ListSearch([str(i) for i in range(27)], 0), max_budget=3)
    before, after = raised(searcher, number, 9)
    assert {t.budget for t in before} == {1, 3} and {t.budget for t in after} == {9}
    best = sorted((t for t in before if t.budget == 3), key=number, reverse=True)[: len(after)]
    assert {t.resume for t in after} == {t.id for t in best} and len(after) == 3


@pytest.mark.parametrize("budget", [9, 3, math.inf, math.nan])
def test_a_budget_cannot_be_lowered(budget: float) -> None:
    with pytest.raises(ConfigError, match="raised, not lowered"):
        ASHA(ListSearch(["a"]), max_budget=9).raise_budget(budget)


def test_brackets_are_numbered_as_they_begin() -> None:
    searcher = Hyperband(ListSearch([str(i) for i in range(60)]), max_budget=9, rounds=2)
    trials = play(searcher, number)
    assert [searcher.bracket_of(t) for t in trials] == sorted(searcher.bracket_of(t) for t in trials)  # one by one
    assert {searcher.bracket_of(t) for t in trials} == set(range(6))
    assert searcher.bracket_of(Trial("nobody's", "a")) is None
