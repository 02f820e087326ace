"""LEMONADE: a front of score against cost, drawn from where it is sparse, whose children name their parents."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from doubles import Double
from hypothesis import given
from hypothesis import strategies as st

from ghn.analysis.front import pareto_front
from ghn.errors import ConfigError
from ghn.graph import graph_stats, simplify
from ghn.search import Lemonade, Limit, RandomSearch, run_search
from ghn.search.costs import make_cost
from ghn.search.lemonade import draw_sparse, log_density
from ghn.types import Score, Trial

SPACE = toy.SPACE
SMALL = {"founders": 5, "proposals": 12, "children": 4}


def params(arch: Any) -> int:
    return graph_stats(simplify(SPACE.network(arch).graph)).params


class Diligent(Double):
    """Convolutions are good, and nothing else is."""

    def score(self, trials: Any) -> list[Score]:
        return [Score(sum(op.startswith("nor") for op in t.arch) + 0.1 * t.arch.count("skip_connect")) for t in trials]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_the_front_is_what_nothing_dominates(points):
    def dominated(p: tuple[int, int]) -> bool:
        return any(q[0] >= p[0] and q[1] <= p[1] and q != p for q in points)

    front = pareto_front(points)
    assert sorted(front) == [i for i, p in enumerate(points) if not dominated(p)]
    assert [points[i][1] for i in front] == sorted(points[i][1] for i in front)


def test_costs_are_those_of_the_live_part():
    dead = ("nor_conv_3x3", "none", "none", "none", "none", "none")
    none = ("none",) * 6
    assert make_cost("params", SPACE)(dead) == make_cost("params", SPACE)(none) > 0
    assert make_cost("macs", SPACE)(dead) == graph_stats(simplify(SPACE.network(dead).graph)).macs


def test_density_is_a_sum_of_gaussians_of_logarithms():
    costs, at = [10.0, 100.0, 1000.0], 50.0
    x = np.log(costs)
    width = x.std() * 3**-0.2
    by_hand = np.mean(np.exp(-0.5 * ((np.log(at) - x) / width) ** 2) / (width * np.sqrt(2 * np.pi)))
    assert np.exp(log_density(costs, [at])[0]) == pytest.approx(by_hand)
    assert np.isfinite(log_density([7.0, 7.0], [7.0, 1e9])).all()  # equal costs have no width


def test_draws_are_in_proportion_to_one_over_the_density():
    rng, density = Random(0), np.log([1.0, 2.0, 4.0])
    counts = Counter(draw_sparse(rng, density, 1)[0] for _ in range(7000))
    assert [counts[i] / 7000 for i in range(3)] == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=0.02)
    assert sorted(draw_sparse(rng, density, 9)) == [0, 1, 2]
    assert draw_sparse(rng, np.array([0.0, -1e6]), 1) == [1]


def test_children_are_new_neighbours_of_members_of_the_front_and_resume_them():
    searcher = Lemonade(SPACE, 0, **SMALL)
    result = run_search(searcher, Diligent(), limit=Limit(trials=37), progress=False)
    trials = {t.id: t for t, _ in result.history}
    assert [t.resume for t in trials.values()][:5] == [None] * 5
    assert len({SPACE.canonical(t.arch) for t in trials.values()}) == 37
    scores = {t.id: s.value for t, s in result.history}
    for start in range(5, 37, 4):
        before = list(trials.values())[:start]
        front = {before[i].id for i in pareto_front([(scores[t.id], params(t.arch)) for t in before])}
        for trial in list(trials.values())[start : start + 4]:
            assert trial.resume in front
            assert trial.arch in set(SPACE.neighbours(trials[trial.resume].arch))
    every = [(scores[t.id], params(t.arch)) for t in trials.values()]
    assert [(m.value, m.cost) for m in searcher.front] == [every[i] for i in pareto_front(every)]


def test_its_front_is_better_than_that_of_random_search():
    def area(result: Any) -> float:
        """Mean over costs, on a logarithmic scale, of the best score that is not dearer."""
        points = sorted((np.log(params(t.arch)), s.value) for t, s in result.history)
        grid = np.linspace(np.log(params(("none",) * 6)), np.log(params(("nor_conv_3x3",) * 6)), 50)
        return float(np.mean([max((v for c, v in points if c <= x), default=0.0) for x in grid]))

    def run(searcher: Any) -> Any:
        return run_search(searcher, Diligent(), limit=Limit(trials=40), progress=False)

    own = [area(run(Lemonade(SPACE, seed, **SMALL))) for seed in range(2)]
    other = [area(run(RandomSearch(SPACE, seed))) for seed in range(2)]
    assert min(own) > max(other)


def test_a_generation_waits_for_the_last_of_the_one_before():
    searcher = Lemonade(SPACE, 0, **SMALL)
    first = searcher.ask(20)
    assert len(first) == 5 and searcher.ask() == []
    for trial in first[:4]:
        searcher.tell(trial, Score(1.0))
        assert searcher.ask() == []
    searcher.tell(first[4], Score.failed("it broke"))
    assert len(searcher.ask(20)) == 4


def test_when_all_founders_fail_there_are_others():
    searcher = Lemonade(SPACE, 0, **SMALL)
    first = searcher.ask(5)
    for trial in first:
        searcher.tell(trial, Score.failed("it broke"))
    again = searcher.ask(20)
    assert len(again) == 5 and all(t.resume is None for t in again)
    assert not {SPACE.canonical(t.arch) for t in first} & {SPACE.canonical(t.arch) for t in again}


def test_killed_and_resumed_it_gives_the_trials_of_one_that_was_not(tmp_path):
    def run(trials: int, folder: str, **options: Any) -> list[Trial[Any]]:
        searcher = Lemonade(SPACE, 3, **SMALL)
        limit = Limit(trials=trials)
        done = run_search(searcher, Diligent(), limit=limit, folder=tmp_path / folder, progress=False, **options)
        return [t for t, _ in done.history]

    run(7, "a")
    assert run(20, "a", resume=True) == run(20, "b")


@pytest.mark.parametrize("settings", [{"founders": 0}, {"children": 0}, {"proposals": 3, "children": 4}])
def test_impossible_generations(settings):
    with pytest.raises(ConfigError, match=r"LEMONADE.*(founders must|children)"):
        Lemonade(SPACE, **settings)
    with pytest.raises(ConfigError, match=r"params \| macs"):
        Lemonade(SPACE, objective="latency")
