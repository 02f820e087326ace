"""Searchers compared on a table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import recorded

from ghn.analysis.successive_halving import climb, rung_sizes
from ghn.errors import ConfigError, DataError
from ghn.search import ASHA, ListSearch, RandomSearch, SuccessiveHalving
from ghn.search.simulate import simulate_regret


def regret(make: Any, grid: list[float], **settings: Any) -> np.ndarray:
    final = {arch: recorded.curve(arch)[-1] for arch in recorded.archs()}
    best = max(final.values())
    return simulate_regret(make, recorded.estimator(), final.__getitem__, best, grid, **{"seeds": 4, **settings})


def full(seed: int) -> ListSearch[str]:
    return ListSearch(recorded.archs(), seed, budget=20)


def test_random_search_is_the_best_of_the_first_ones() -> None:
    grid = [19.0, 20.0, 59.0, 100.0, 96 * 20.0]
    found = regret(full, grid)
    final = {arch: recorded.curve(arch)[-1] for arch in recorded.archs()}
    for seed, row in enumerate(found):
        order = [trial.arch for trial in full(seed).ask(96)]
        best_of = [max(final[arch] for arch in order[:n]) for n in (1, 2, 5, 96)]
        assert np.isnan(row[0]) and row[1:] == pytest.approx(max(final.values()) - np.array(best_of))
    assert (found[:, -1] == 0).all()


def test_halving_finds_more_than_random_search_at_equal_cost() -> None:
    def halving(seed: int) -> SuccessiveHalving[str]:
        return SuccessiveHalving(recorded.candidates(seed=seed), max_budget=20, total=100)

    assert regret(halving, [100.0], seeds=12).mean() < regret(full, [100.0], seeds=12).mean()


def test_costs_in_trials_and_in_simulated_seconds() -> None:
    assert regret(full, [1.0, 5.0], unit="trials") == pytest.approx(regret(full, [20.0, 100.0]))
    slow = regret(lambda seed: ASHA(recorded.candidates(seed=seed), max_budget=20), [600.0], unit="seconds")
    fast = regret(lambda s: ASHA(recorded.candidates(seed=s), max_budget=20), [600.0], unit="seconds", workers=8)
    assert np.mean(fast) < np.mean(slow)


def test_what_cannot_be_simulated() -> None:
    for wrong in ({"unit": "euros"}, {"seeds": 0}):
        with pytest.raises(ConfigError, match="unit of cost"):
            regret(full, [100.0], **wrong)
    with pytest.raises(DataError, match="found nothing"):  # the table has no epoch 21
        regret(lambda seed: RandomSearch(recorded.space(), seed, budget=21), [100.0])


def test_a_replayed_bracket_promotes_what_a_search_promotes() -> None:
    rungs = (1.0, 3.0, 9.0, 20.0)
    searched = recorded.run_all(SuccessiveHalving(recorded.candidates(seed=3), max_budget=20, n=40))
    order = [trial.arch for trial, _ in searched if trial.budget == 1]
    values = np.array([[recorded.curve(arch)[int(budget) - 1] for budget in rungs] for arch in order])
    reached = [[order[row] for row in rows] for rows in climb(values, rung_sizes(40, 4, 3))]
    assert reached == [[t.arch for t, _ in searched if t.budget == budget] for budget in rungs]
