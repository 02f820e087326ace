"""Prices in place of clocks."""

from __future__ import annotations

import recorded

from ghn.search.plan import Priced
from ghn.types import Trial


def test_a_price_changes_the_cost_and_nothing_else() -> None:
    table = recorded.estimator()
    trials = [Trial(arch, arch, 5.0) for arch in recorded.archs(3)] + [Trial("x", recorded.archs(1)[0], 99.0)]
    priced = Priced(table, lambda trial, score: 2.0 * (trial.budget or 0.0) if score.ok else 1.0, "twice the epochs")
    plain, found = table.score(trials), priced.score(trials)
    assert [s.cost_seconds for s in found] == [10.0, 10.0, 10.0, 1.0] and not found[3].ok
    assert [s.value for s in found[:3]] == [s.value for s in plain[:3]]
    assert priced.identity["price"] == "twice the epochs" and priced.identity["estimator"] == table.identity
