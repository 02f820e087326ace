"""Bands of cost: each has a searcher of its own, and together they cover the front."""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from doubles import Double

from ghn.analysis.front import pareto_front
from ghn.errors import ConfigError
from ghn.search import (
    BandSearch,
    Bound,
    Hyperband,
    Limit,
    RandomSearch,
    RegularizedEvolution,
    make_cost,
    make_searcher,
    run_search,
)
from ghn.types import Score

SPACE = toy.SPACE
PARAMS = make_cost("params", SPACE)


class Convolutions(Double):
    def score(self, trials: Any) -> list[Score]:
        return [
            Score(sum(op.startswith("nor") for op in t.arch) + Random(str(t.arch)).random(), budget=t.budget)
            for t in trials
        ]


def bands(name: str = "random", n: int = 3, bounds: Any = (), **options: Any) -> BandSearch[Any]:
    def make(number: int, own: Any) -> Any:
        return make_searcher(name, SPACE, seed=number, bounds=own, **options)

    return BandSearch(make, SPACE, PARAMS, bands=n, bounds=bounds)


def test_each_band_gets_as_many_trials_of_its_own_costs() -> None:
    searcher = bands(n=4)
    trials = searcher.ask(20)
    own = [[PARAMS(t.arch) for t in trials if searcher.band_of(t) == band] for band in range(4)]
    assert [len(costs) for costs in own] == [5] * 4
    assert all(max(low) < min(high) for low, high in pairwise(own))
    assert len({t.id for t in trials}) == 20


def test_its_front_is_better_than_that_of_random_search() -> None:
    def area(searcher: Any) -> float:
        """Mean over costs, on a logarithmic scale, of the best score that is not dearer."""
        done = run_search(searcher, Convolutions(), limit=Limit(trials=60), progress=False)
        points = sorted((np.log(PARAMS(t.arch)), s.value) for t, s in done.history)
        grid = np.linspace(np.log(PARAMS(("none",) * 6)), np.log(PARAMS(("nor_conv_3x3",) * 6)), 50)
        return float(np.mean([max((v for c, v in points if c <= x), default=0.0) for x in grid]))

    def evolution(seed: int) -> Any:
        def make(number: int, own: Any) -> Any:
            return make_searcher("evolution", SPACE, seed=seed + number, bounds=own, population=6, sample=3)

        return BandSearch(make, SPACE, PARAMS, bands=3, seed=seed)

    plain = [area(RegularizedEvolution(SPACE, seed, population=6, sample=3)) for seed in range(3)]
    assert np.mean([area(evolution(seed)) for seed in range(3)]) > np.mean(plain)


def test_rungs_and_brackets_of_schedulers_stay_what_they_are() -> None:
    searcher = bands("hyperband", 2, max_budget=9)
    done = run_search(searcher, Convolutions(), progress=False)
    alone = run_search(Hyperband(RandomSearch(SPACE), max_budget=9), Convolutions(), progress=False)
    assert len(done.steps) == 2 * len(alone.steps)
    assert {s.bracket for s in done.steps} == {s.bracket for s in alone.steps} == {0, 1, 2}
    earlier = {}
    for step in done.steps:
        trial = step.trial
        assert trial.resume is None or earlier[trial.resume].arch == trial.arch
        assert trial.id.partition("@")[2] == f"{trial.budget:g}"
        earlier[trial.id] = trial
    assert searcher.max_budget == 9
    searcher.raise_budget(27)
    assert [t.budget for t in searcher.ask(9)][:3] == [27, 27, 27]


def test_bounds_hold_in_every_band() -> None:
    searcher = bands(bounds=[Bound(make_cost("macs", SPACE), most=40_000)])
    assert all(make_cost("macs", SPACE)(t.arch) <= 40_000 for t in searcher.ask(12))


def test_fronts_of_several_costs() -> None:
    rng = Random(0)
    points = [tuple(rng.randrange(4) for _ in range(3)) for _ in range(40)]

    def beaten(p: tuple[int, ...]) -> bool:
        return any(q[0] >= p[0] and q[1] <= p[1] and q[2] <= p[2] and q != p for q in points)

    assert sorted(pareto_front(points)) == [i for i, p in enumerate(points) if not beaten(p)]


def test_costs_that_do_not_differ_and_single_bands() -> None:
    with pytest.raises(ConfigError, match="do not differ enough for 3 bands"):
        bands(bounds=[Bound(PARAMS, most=PARAMS(("none",) * 6))])
    with pytest.raises(ConfigError, match="at least 2"):
        bands(n=1)
