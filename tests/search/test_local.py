"""Local search: up the steepest neighbour, each function once, and anew from each summit."""

from __future__ import annotations

from typing import Any

import pytest
import toy
from doubles import Double

from ghn.errors import ConfigError
from ghn.search import Limit, LocalSearch, run_search
from ghn.types import Score, Trial

SPACE = toy.SPACE


def height(arch: Any) -> float:
    """Convolutions are good, and one on the first edge is better."""
    return sum((2 if i == 0 else 1) * op.startswith("nor") for i, op in enumerate(arch))


class Landscape(Double):
    def __init__(self, height: Any) -> None:
        self.height = height

    def score(self, trials: Any) -> list[Score]:
        return [Score(float(self.height(t.arch))) for t in trials]


def judged(searcher: Any, height: Any, trials: int) -> list[tuple[Trial[Any], float]]:
    done = run_search(searcher, Landscape(height), limit=Limit(trials=trials), progress=False)
    return [(trial, score.value) for trial, score in done.history]


def test_a_climb_goes_to_the_best_neighbour_of_each_place() -> None:
    found = judged(LocalSearch(SPACE, 3), height, 120)
    key, values = SPACE.canonical, {SPACE.canonical(t.arch): v for t, v in found}
    archs = {key(t.arch): t.arch for t, _ in found}  # several members compute one function
    here, left = found[0], [key(t.arch) for t, _ in found[1:]]
    steps = 0
    while True:
        near = {key(arch): arch for arch in SPACE.neighbours(here[0].arch)}
        new = [k for k in near if k in left]
        assert sorted(left[: len(new)], key=str) == sorted(new, key=str)  # all of them, and nothing else
        left = left[len(new) :]
        best = max((k for k in near if k in values), key=values.__getitem__)
        if values[best] <= here[1]:
            break
        steps += 1
        here = Trial("", archs[best]), values[best]
    assert steps > 0 and left  # on the summit it began anew
    assert len(values) == len(found)


def test_on_a_summit_it_begins_anew() -> None:
    searcher = LocalSearch(SPACE, 0)
    found = judged(searcher, lambda arch: 1.0, 60)  # all is flat: every place is a summit
    assert searcher.climbs > 1 and len({SPACE.canonical(t.arch) for t, _ in found}) == 60
    first = {*map(SPACE.canonical, SPACE.neighbours(found[0][0].arch))}
    assert {
        SPACE.canonical(t.arch) for t, _ in found[1 : 1 + len(first - {SPACE.canonical(found[0][0].arch)})]
    } <= first


def test_a_climb_begins_at_the_best_of_several() -> None:
    searcher = LocalSearch(SPACE, 1, starts=6)
    first = searcher.ask(20)
    assert len(first) == 6 and searcher.ask() == []
    for number, trial in enumerate(first):
        searcher.tell(trial, Score.failed("it broke") if number == 5 else Score(float(number)))
    near = {*map(SPACE.canonical, SPACE.neighbours(first[4].arch))}
    assert {SPACE.canonical(t.arch) for t in searcher.ask(40)} <= near


def test_where_every_beginning_fails_there_are_others() -> None:
    searcher = LocalSearch(SPACE, 1, starts=2)
    for _ in range(3):
        for trial in searcher.ask(5):
            searcher.tell(trial, Score.failed("it broke"))
    assert searcher.climbs == 3


def test_nowhere_to_begin() -> None:
    with pytest.raises(ConfigError, match="starts must be a whole number of at least 1"):
        LocalSearch(SPACE, starts=0)
