"""A budget goes where it is worth most."""

from __future__ import annotations

import numpy as np
import pytest

from ghn.errors import ConfigError
from ghn.search.plan import make_plan, own_cost


def correlation(*with_truth: float, among: float = 0.5) -> np.ndarray:
    """Steps that know so much of the truth, and agree among themselves as far as `among`."""
    k = len(with_truth) + 1
    matrix = np.full((k, k), among)
    matrix[-1, :-1] = matrix[:-1, -1] = with_truth
    np.fill_diagonal(matrix, 1.0)
    return matrix


def paid(counts: tuple[int, ...], costs: list[float], chains: list[str | None]) -> float:
    steps = [i for i, count in enumerate(counts) if count]
    return sum(own_cost(costs, chains, steps, place) * counts[i] for place, i in enumerate(steps))


@pytest.mark.parametrize("budget", [100.0, 300.0, 1000.0, 5000.0])
def test_a_plan_keeps_its_budget_and_narrows(budget: float) -> None:
    costs, chains = [0.4, 10.0, 25.0, 94.0], [None, "train", "train", "train"]
    plan = make_plan(correlation(0.6, 0.8, 0.9), costs, chains, budget, 2000)
    used = [count for count in plan.counts if count]
    assert plan.seconds == pytest.approx(paid(plan.counts, costs, chains)) and plan.seconds <= budget
    assert used == sorted(used, reverse=True) and plan.counts[-1] >= 1


def test_more_budget_finds_better_ones() -> None:
    gains = [make_plan(correlation(0.6), [1.0, 50.0], [None, None], b, 1000).gain for b in (60, 200, 600, 2000)]
    assert gains == sorted(gains) and gains[-1] > gains[0] + 0.5


def test_a_step_that_knows_nothing_is_left_out() -> None:
    useless = make_plan(correlation(0.7, 0.0, among=0.0), [1.0, 10.0, 50.0], [None] * 3, 500, 500)
    useful = make_plan(correlation(0.7, 0.95, among=0.66), [1.0, 10.0, 50.0], [None] * 3, 500, 500)
    assert useless.counts[1] == 0 and useful.counts[1] > 0


def test_a_cheap_step_that_knows_all_judges_the_whole_pool() -> None:
    plan = make_plan(correlation(0.999), [0.01, 50.0], [None, None], 100, 400)
    assert plan.counts[0] == 400 and plan.gain == pytest.approx(2.96, abs=0.15)  # the expected largest of 400 normals


def test_without_a_better_step_random_ones_are_trained() -> None:
    plan = make_plan(np.eye(2), [20.0, 50.0], [None, None], 500, 400)
    assert plan.counts == (0, 10) and plan.gain == pytest.approx(1.54, abs=0.35)  # the largest of ten


def test_chains_pay_the_difference() -> None:
    costs, chains = [1.0, 10.0, 25.0, 94.0], [None, "train", "train", "train"]
    assert [own_cost(costs, chains, (0, 1, 2, 3), place) for place in range(4)] == [1.0, 10.0, 15.0, 69.0]
    assert [own_cost(costs, chains, (0, 3), place) for place in range(2)] == [1.0, 94.0]
    assert own_cost(costs, [None] * 4, (1, 2), 1) == 25.0


def test_what_does_not_fit() -> None:
    with pytest.raises(ConfigError, match=r"does not pay for one candidate(.|\n)*at least 50"):
        make_plan(correlation(0.5), [1.0, 50.0], [None, None], 49, 100)
    with pytest.raises(ConfigError, match="correlation matrix, a cost and a chain"):
        make_plan(np.eye(3), [1.0, 2.0], [None, None], 10, 100)
