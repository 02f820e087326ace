"""Bounds around any searcher: what is outside is refused before it costs anything, and counted."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import toy
from doubles import Double

from ghn.errors import ConfigError, GraphError
from ghn.search import (
    ASHA,
    Bound,
    Constrained,
    Cost,
    Hyperband,
    Lemonade,
    Limit,
    ListSearch,
    LocalSearch,
    RandomSearch,
    RegularizedEvolution,
    Screened,
    make_cost,
    make_searcher,
    run_search,
)
from ghn.types import Inherits, Score

SPACE = toy.SPACE
PARAMS = make_cost("params", SPACE)
MOST = sorted(PARAMS(arch) for arch in Random(0).sample(SPACE.distinct(), 40))[20]  # half of the space
BOUNDS = [Bound(PARAMS, most=MOST)]


class Convolutions(Double):
    """More of them are better; refuses to judge what is too large."""

    def score(self, trials: Any) -> list[Score]:
        assert all(PARAMS(t.arch) <= MOST for t in trials)
        return [Score(float(sum(op.startswith("nor") for op in t.arch)), budget=t.budget) for t in trials]


SEARCHERS = {
    "random": lambda inner: inner(RandomSearch(SPACE, 0)),
    "evolution": lambda inner: inner(RegularizedEvolution(SPACE, 0, population=8, sample=3)),
    "local search": lambda inner: inner(LocalSearch(SPACE, 0)),
    "LEMONADE": lambda inner: inner(Lemonade(SPACE, 0, founders=4, proposals=9, children=3)),
    "hyperband": lambda inner: Hyperband(inner(RandomSearch(SPACE, 0)), max_budget=9, rounds=None),
    "screened": lambda inner: Screened(inner(RandomSearch(SPACE, 0)), Convolutions(), 3),
}


@pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS)
def test_nothing_outside_is_judged(make: Any, tmp_path: Any) -> None:
    made: list[Constrained[Any]] = []

    def inner(searcher: Any) -> Any:
        made.append(Constrained(searcher, BOUNDS))
        return made[0]

    def run(trials: int, **options: Any) -> list[str]:
        made.clear()
        searcher = make(inner)
        limit = Limit(trials=trials)
        done = run_search(searcher, Convolutions(), limit=limit, folder=tmp_path, progress=False, **options)
        return [repr(trial) for trial, _ in done.history]

    first = run(15)
    assert made[0].refused > 0
    assert run(30, resume=True)[:15] == first and len(first) == 15


def test_who_inherits_still_does() -> None:
    searcher = Constrained(Lemonade(SPACE, 0), BOUNDS)
    assert isinstance(searcher, Inherits) and searcher.inherits
    assert not Constrained(RandomSearch(SPACE), BOUNDS).inherits


def test_by_name_the_candidates_of_schedulers_are_bounded_too() -> None:
    for name, options in {"asha": {"max_budget": 9}, "random": {}}.items():
        searcher = make_searcher(name, SPACE, bounds=BOUNDS, **options)
        assert all(PARAMS(t.arch) <= MOST for t in searcher.ask(20))
        assert isinstance(searcher, ASHA if name == "asha" else Constrained)


def test_where_nothing_is_within_it_is_said_how_far_off_all_are() -> None:
    searcher = Constrained(RandomSearch(SPACE, 0), [Bound(PARAMS, most=3)], tries=50)
    with pytest.raises(ConfigError, match=r"params of at most 3(.|\n)*50 proposals outside them: params from \d"):
        searcher.ask()
    assert searcher.refused == 50
    few = [arch for arch in SPACE.distinct()[:40] if PARAMS(arch) > MOST]
    with pytest.raises(ConfigError, match=f"{len(few)} proposals outside"):
        Constrained(ListSearch(few), BOUNDS).ask()


def test_where_all_that_is_within_has_been_proposed_it_is_finished() -> None:
    archs = SPACE.distinct()[:60]
    within = [arch for arch in archs if PARAMS(arch) <= MOST]
    searcher = Constrained(ListSearch(archs), BOUNDS)
    assert sorted(map(str, (t.arch for t in searcher.ask(100)))) == sorted(map(str, within)) and within
    assert searcher.ask(5) == [] and searcher.refused == len(archs) - len(within)
    endless = Constrained(RandomSearch(SPACE, 0, distinct=False), [Bound(PARAMS, most=MOST)], tries=20)
    endless.ask(3)
    endless._bounds = [Bound(PARAMS, most=3)]
    assert endless.ask() == [] == endless.ask()


def test_what_cannot_be_measured_is_outside() -> None:
    def broken(arch: Any) -> float:
        raise GraphError("it does not run")

    with pytest.raises(ConfigError, match="it does not run"):
        Constrained(RandomSearch(SPACE, 0), [Bound(Cost("latency", SPACE, broken), most=3)], tries=5).ask()


def test_costs_are_counted_once_for_each_function() -> None:
    asked: list[Any] = []
    cost = Cost("wires", SPACE, lambda arch: asked.append(arch) or 2.0)
    rng = Random(0)
    archs = [SPACE.sample(rng) for _ in range(300)]
    assert {cost(arch) for arch in archs} == {2.0} and cost.range == (2.0, 2.0)
    assert len(asked) == len({SPACE.canonical(arch) for arch in archs}) < 300


@pytest.mark.parametrize("most", [0, -1, float("nan")])
def test_wrong_bounds(most: float) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        Bound(PARAMS, most=most)
    with pytest.raises(ConfigError, match="latency=Latency"):
        make_cost("latency", SPACE)
    with pytest.raises(ConfigError, match="need bounds"):
        Constrained(RandomSearch(SPACE), [])
