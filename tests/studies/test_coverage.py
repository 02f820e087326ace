"""Exposure of candidates, and what it does to an order."""

from __future__ import annotations

from math import log

import numpy as np
import pytest
import toy
from shared_cases import SPACES
from toy_models import CHAIN, CUT_OFF, EDGE

from ghn.errors import DataError
from studies.coverage import as_trained, cover, judge_coverage
from studies.replay import live_options

NONE, SKIP, CONV1, CONV3, POOL = range(5)


def test_exposure_counts_live_operations_alone() -> None:
    drawn = [(NONE, NONE, NONE, CONV3, NONE, NONE)] * 3 + [(CONV3, NONE, NONE, POOL, SKIP, NONE)]
    trained = np.zeros((4, 6, 5), dtype=bool)
    for t, options in enumerate(drawn):
        trained[t, range(6), options] = True
    one_dead = ("nor_conv_1x1", "none", "none", "nor_conv_3x3", "none", "none")  # computes what EDGE computes
    found = cover(trained, toy.SPACE, [EDGE, one_dead, CHAIN, CUT_OFF])
    assert found.exposure[:3] == pytest.approx([log(4), log(4), (log(2) + log(2)) / 2])
    assert np.isnan(found.exposure[3])  # nothing of it can be trained
    assert found.equal.tolist() == [3, 3, 0, 0]
    assert found.near.tolist() == [3, 3, 1, 3]  # CHAIN is the last network but for its pooling


def test_a_supergraph_trains_all_that_it_keeps() -> None:
    trained = np.ones((2, 6, 5), dtype=bool)
    trained[1, 3, CONV3] = False
    found = cover(trained, toy.SPACE, [EDGE])
    assert (found.exposure.tolist(), found.equal.tolist(), found.near.tolist()) == ([pytest.approx(log(2))], [1], [2])


def test_a_hypernetwork_meets_one_description_of_each_function() -> None:
    both = [EDGE, CHAIN]
    assert as_trained(toy.SPACE, both, "oneshot", "distinct") == as_trained(toy.SPACE, both, "ghn", "uniform") == both
    (first, second) = as_trained(toy.SPACE, both, "ghn", "distinct")
    assert first == second and first in toy.SPACE.distinct()
    assert toy.SPACE.canonical(first) == toy.SPACE.canonical(EDGE)
    assert live_options(toy.SPACE, first).count(NONE) == 5


def test_what_is_trained_more_is_seen_to_be_overrated() -> None:
    rng = np.random.default_rng(0)
    exposure, truth = rng.normal(size=120), rng.normal(size=120)
    effect = judge_coverage(exposure, truth + exposure, truth, 100)
    none = judge_coverage(exposure, truth + rng.normal(size=120), truth, 100)
    assert effect is not None and none is not None
    assert effect.overrated.low is not None and effect.overrated.low > 0.5
    assert none.overrated.low is not None and none.overrated.low < 0 < (none.overrated.high or 0)
    assert effect.bounds == [pytest.approx(q, abs=0.05) for q in np.quantile(exposure, [1 / 3, 2 / 3])]
    for one in effect.kendall:
        assert one.value is not None and one.low is not None and one.low < one.value and one.value > 0.3


def test_an_order_that_holds_among_what_was_trained_alone() -> None:
    rng = np.random.default_rng(0)
    exposure, truth = np.arange(90.0), rng.normal(size=90)
    scores = np.where(exposure < 30, rng.normal(size=90), truth)
    effect = judge_coverage(exposure, scores, truth, 0)
    assert effect is not None
    least, middle, most = (one.value for one in effect.kendall)
    assert abs(least or 1) < 0.3 and middle == most == pytest.approx(1)


def test_failures_and_too_few_candidates() -> None:
    exposure, truth = np.arange(31.0), np.arange(31.0)
    scores = truth.copy()
    scores[0] = np.nan
    effect = judge_coverage(exposure, scores, truth, 0)
    assert effect is not None and effect.overrated.value is None  # a perfect order leaves no residual
    assert judge_coverage(np.ones(31), scores, truth, 0) is None
    exposure[5] = np.nan
    with pytest.raises(DataError, match=r"29\n +expected: at least 30"):
        judge_coverage(exposure, scores, truth, 0)


def test_the_darts_space_is_covered_too() -> None:
    space = SPACES["darts"]
    arch = space.discretise([[1.0] * 8] * 28)
    trained = np.zeros((1, 28, 8), dtype=bool)
    trained[0, range(28), space.to_choices(arch)] = True
    found = cover(trained, space, [arch])
    assert found.exposure == pytest.approx([log(2)]) and found.equal == [1]
