"""Random search and regularised evolution."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
import toy

from ghn.errors import ConfigError
from ghn.search import ListSearch, RandomSearch, RegularizedEvolution
from ghn.types import Score, Trial

SPACE = toy.SPACE


def convs(arch: tuple[str, ...]) -> int:
    return sum(op.startswith("nor_conv") for op in arch)


def evolve(searcher: RegularizedEvolution[Any], n: int) -> list[Trial[Any]]:
    trials = []
    for _ in range(n):
        trials += searcher.ask()
        searcher.tell(trials[-1], Score(convs(trials[-1].arch)))
    return trials


def test_random_search_is_that_of_the_seed_and_proposes_no_function_twice() -> None:
    trials = RandomSearch(SPACE, 3, budget=4).ask(200)
    assert trials == RandomSearch(SPACE, 3, budget=4).ask(200) != RandomSearch(SPACE, 4, budget=4).ask(200)
    assert len({SPACE.canonical(t.arch) for t in trials}) == 200
    assert {t.budget for t in trials} == {4}
    rng = Random(3)
    assert [t.arch for t in RandomSearch(SPACE, 3, distinct=False).ask(50)] == [SPACE.sample(rng) for _ in range(50)]


def test_random_search_ends_with_the_space() -> None:
    class Tiny(type(SPACE)):  # type: ignore[misc]
        def sample(self, rng: Random) -> int:
            return rng.randrange(6)

        def canonical(self, arch: int) -> int:
            return arch // 2

    searcher = RandomSearch(Tiny((3, 8, 8), 4), 0)
    trials = searcher.ask(10)
    assert sorted(t.arch // 2 for t in trials) == [0, 1, 2]
    assert searcher.ask() == []


def test_list_search_gives_each_once_in_the_order_of_the_seed() -> None:
    archs = [f"a{i}" for i in range(20)]
    assert [t.arch for t in ListSearch(archs, None).ask(30)] == archs
    shuffled = [t.arch for t in ListSearch(archs, 1).ask(30)]
    assert sorted(shuffled) == sorted(archs) and shuffled != archs
    for wrong in ([], ["a", "a"]):
        with pytest.raises(ConfigError, match="each once"):
            ListSearch(wrong)


def test_evolution_begins_at_random_and_goes_on_with_neighbours_of_the_living() -> None:
    searcher = RegularizedEvolution(SPACE, 0, population=10, sample=3)
    trials = evolve(searcher, 60)
    rng = Random(0)
    assert [t.arch for t in trials[:10]] == [SPACE.sample(rng) for _ in range(10)]
    for i, trial in enumerate(trials[10:], start=10):
        living = {t.arch for t in trials[i - 10 : i]}  # the oldest has died, however good it was
        assert living & set(SPACE.neighbours(trial.arch))


def test_evolution_with_the_whole_population_as_sample_climbs() -> None:
    last = evolve(RegularizedEvolution(SPACE, 0, population=20, sample=20), 200)[-30:]
    first = RandomSearch(SPACE, 0, distinct=False).ask(200)
    assert min(convs(t.arch) for t in last) > sum(convs(t.arch) for t in first) / 200


def test_of_a_sample_the_best_is_the_parent() -> None:
    searcher = RegularizedEvolution(SPACE, 0, population=5, sample=5)
    first = searcher.ask(5)
    for i, trial in enumerate(first):
        searcher.tell(trial, Score(1.0 if i == 2 else 0.0))
    near = Counter(first[2].arch in set(SPACE.neighbours(t.arch)) for t in searcher.ask(50))
    assert near[True] > 25  # it is in two thirds of the samples: 1 - (4/5)^5


def test_failures_are_never_parents() -> None:
    searcher = RegularizedEvolution(SPACE, 0, population=4, sample=2)
    good = []
    for i in range(40):
        (trial,) = searcher.ask()
        assert i < 8 or any(trial.arch in set(SPACE.neighbours(arch)) for arch in good[-4:])
        if i % 2:
            good.append(trial.arch)
            searcher.tell(trial, Score(0.5))
        else:
            searcher.tell(trial, Score.failed("it broke"))


def test_distinct_evolution_repeats_no_function() -> None:
    trials = evolve(RegularizedEvolution(SPACE, 0, population=5, sample=5, distinct=True), 150)
    assert len({SPACE.canonical(t.arch) for t in trials}) == 150
    repeating = evolve(RegularizedEvolution(SPACE, 0, population=5, sample=5), 150)
    assert len({SPACE.canonical(t.arch) for t in repeating}) < 150


@pytest.mark.parametrize("settings", [{"population": 1, "sample": 1}, {"population": 5, "sample": 6}, {"sample": 0}])
def test_impossible_populations(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=r"an evolution.*(population|sample must be)"):
        RegularizedEvolution(SPACE, 0, **settings)  # type: ignore[arg-type]
