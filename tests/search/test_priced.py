"""Prices in place of clocks, and recorded scores."""

from __future__ import annotations

import pytest
import recorded

from ghn.search.plan import Priced, Recorded
from ghn.types import Score, Trial


def test_a_price_changes_the_cost_and_nothing_else() -> None:
    table = recorded.estimator()
    trials = [Trial(arch, arch, 5.0) for arch in recorded.archs(3)] + [Trial("x", recorded.archs(1)[0], 99.0)]
    priced = Priced(table, lambda trial, score: 2.0 * (trial.budget or 0.0) if score.ok else 1.0, "twice the epochs")
    plain, found = table.score(trials), priced.score(trials)
    assert [s.cost_seconds for s in found] == [10.0, 10.0, 10.0, 1.0] and not found[3].ok
    assert [s.value for s in found[:3]] == [s.value for s in plain[:3]]
    assert priced.identity["price"] == "twice the epochs" and priced.identity["estimator"] == table.identity


def test_recorded_scores_are_shared_by_equal_functions() -> None:
    space = recorded.space()
    skip = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|"
    same = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
    other = "|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|"
    estimator = Recorded({skip: Score(0.7, 1.0), other: Score(0.2, 3.0)}, space, "a paper")
    scores = estimator.score([Trial("a", space.parse(same)), Trial("b", same), Trial("c", space.parse(skip))])
    assert [s.value for s in scores] == [0.7] * 3 and [s.cost_seconds for s in scores] == [2.0] * 3
    missing = estimator.score([Trial("d", "|skip_connect~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|")])[0]
    assert not missing.ok and missing.error == "no score was recorded for this architecture"


def test_recorded_scores_need_scores() -> None:
    with pytest.raises(ValueError, match="mean requires"):
        Recorded({}, recorded.space(), "a paper")
