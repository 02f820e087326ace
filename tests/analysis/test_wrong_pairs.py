"""The pairs that an estimate puts in the wrong order most decidedly."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from ghn.analysis.bias import Reversal, reversals
from ghn.errors import ConfigError, DataError

TEN = np.arange(10.0)


def test_by_hand() -> None:
    estimate = [8, 1, 2, 3, 4, 5, 6, 7, 0, 9]  # 0 and 8 have changed places
    assert reversals(estimate, TEN, k=1) == [Reversal(better=8, worse=0, confidence=pytest.approx(8 / 9))]


def test_the_weaker_of_the_two_orders_counts() -> None:
    estimate = [1, 2, 3, 8, 4, 9, 5, 6, 3.5, 0]
    first = reversals(estimate, TEN, k=1)[0]
    shares = (rankdata(estimate) - 1) / 9
    every = {(i, j): min((i - j) / 9, shares[j] - shares[i]) for i in range(10) for j in range(10) if i > j}
    assert first.confidence == pytest.approx(max(every.values()))
    assert every[first.better, first.worse] == pytest.approx(first.confidence)


def test_no_item_occurs_twice() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 700))  # more rows than are looked at together
    found = reversals(x, y, k=20)
    items = [i for pair in found for i in pair[:2]]
    assert len(set(items)) == 40
    confidence = [pair.confidence for pair in found]
    assert confidence == sorted(confidence, reverse=True)
    for pair in found:
        assert y[pair.better] > y[pair.worse] and x[pair.better] < x[pair.worse]


def test_differences_within_the_margin_do_not_count() -> None:
    estimate = [8, 1, 2, 3, 4, 5, 6, 7, 0, 9]
    assert reversals(estimate, TEN, k=1, margin=7.9)[0].better == 8
    assert reversals(estimate, TEN, k=5, margin=8.0) == []


def test_ties_are_no_order_and_a_right_order_has_no_reversal() -> None:
    assert reversals(np.zeros(10), TEN) == []
    assert reversals(TEN, TEN) == []
    assert reversals(-TEN, TEN, k=0) == []
    tied = np.repeat([1.0, 0.0], 5)
    assert reversals(tied, TEN, k=9)[0].confidence == pytest.approx(5 / 9)


def test_wrong_input() -> None:
    with pytest.raises(ConfigError, match="must not be negative"):
        reversals(TEN, TEN, k=-1)
    with pytest.raises(ConfigError, match="must not be negative"):
        reversals(TEN, TEN, margin=float("nan"))
    with pytest.raises(DataError, match="some estimates are not finite"):
        reversals([np.nan, *range(9)], TEN)
    with pytest.raises(DataError, match="too few items"):
        reversals(TEN[:9], TEN[:9])
