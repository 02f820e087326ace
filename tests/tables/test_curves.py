"""Curves as arrays: where they come from, and what is wrong with them."""

from __future__ import annotations

import numpy as np
import pytest
from curve_cases import EPOCHS, power_curves, table_of

from ghn.errors import DataError
from ghn.tables.curves import Curves
from ghn.types import Score

GOOD = [0.1, 0.2, 0.3, 0.4]


def one(accuracy, loss=None):
    return Curves(("a",), range(1, len(accuracy) + 1), [accuracy], None if loss is None else [loss])


def test_a_table_gives_every_run_its_curve_and_features():
    curves = power_curves(3)
    twice = curves.rows([0, 1, 2, 1])
    found = Curves.from_table(table_of(twice), {"a0": [1.0], "a1": [2.0], "a2": [3.0]})
    assert found.ids == ("a0", "a1", "a2", "a1")
    np.testing.assert_allclose(found.val_accuracy, twice.val_accuracy)
    np.testing.assert_allclose(found.train_loss, twice.train_loss)
    assert found.features.tolist() == [[1.0], [2.0], [3.0], [2.0]]
    with pytest.raises(DataError, match="no features"):
        Curves.from_table(table_of(twice), {"a0": [1.0]})


def test_scores_of_different_lengths_are_laid_over_common_epochs():
    scores = [
        Score(0.5, extra={"curve": {"epochs": [1, 2, 4], "val_accuracy": [0.1, 0.2, 0.5], "train_loss": [3, 2, 1]}}),
        Score(0.2, extra={"curve": {"epochs": [1, 2], "val_accuracy": [0.1, 0.2]}}),
    ]
    curves = Curves.from_scores(["a", "b"], scores)
    assert curves.epochs == (1, 2, 4)
    assert curves.lengths.tolist() == [3, 2]
    assert curves.train_loss[0].tolist() == [3, 2, 1]
    assert np.isnan(curves.train_loss[1]).all()
    with pytest.raises(DataError, match="b has no learning curve"):
        Curves.from_scores(["a", "b"], [scores[0], Score(0.5)])
    with pytest.raises(DataError, match="no learning curves"):
        Curves.from_scores([], [])


@pytest.mark.parametrize(
    ("accuracy", "loss", "least", "why"),
    [
        (GOOD, None, 4, None),
        (GOOD, [3, 2, 1, 0.5], 4, None),
        ([0.3, 0.3, 0.4, 0.4], None, 4, None),
        (GOOD, None, 5, "too few points: 4 observed, at least 5"),
        ([np.nan] * 4, None, 1, "too few points: 0 observed"),
        ([0.1, np.nan, 0.3, 0.4], None, 1, "after epoch 2 is missing or NaN"),
        ([0.1] * 4, None, 1, "constant curve: 4 times 0.1"),
        (GOOD, [3, 2, np.inf, np.inf], 1, "diverged: train_loss after epoch 3"),
        (GOOD, [2, 2.5, 3, 9], 1, "diverged: train_loss rose from 2 to 9"),
    ],
)
def test_what_cannot_be_extrapolated_says_why(accuracy, loss, least, why):
    (found,) = one(accuracy, loss).problems(least)
    assert (found is None) if why is None else (why in found)


def test_trailing_gaps_are_epochs_not_observed_yet():
    curves = one([0.1, 0.2, 0.3, np.nan])
    assert curves.lengths.tolist() == [3]
    assert curves.problems(3) == [None]
    assert len(curves.finished(4)) == 0
    assert len(curves.finished(3)) == 1


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"val_accuracy": [[10.0, 20.0]]}, "not percent"),
        ({"val_accuracy": [[0.1, np.inf]]}, "not percent"),
        ({"val_accuracy": [[0.1]]}, "shape"),
        ({"epochs": (2, 2)}, "rising"),
        ({"epochs": (0, 1)}, "rising"),
        ({"train_loss": [[1.0]]}, "train_loss"),
        ({"features": [1.0]}, "features"),
        ({"features": [[np.nan]]}, "features"),
    ],
)
def test_malformed_curves_are_refused(change, what):
    fields = {"ids": ("a",), "epochs": (1, 2), "val_accuracy": [[0.1, 0.2]]}
    with pytest.raises(DataError, match=what):
        Curves(**(fields | change))


def test_cutting_and_joining():
    curves = power_curves(4, features=True)
    assert curves.until(5).epochs == EPOCHS[:5]
    np.testing.assert_array_equal(curves.at([2, 12]).val_accuracy, curves.val_accuracy[:, [1, 11]])
    with pytest.raises(DataError, match="no such epoch"):
        curves.at([2, 13])
    both = curves.joined(curves.rows([1]).until(6))
    assert both.epochs == EPOCHS[:6]
    assert both.ids == ("a0", "a1", "a2", "a3", "a1")
    with pytest.raises(DataError, match="features in one"):
        curves.joined(power_curves(2))
    assert curves.digest == power_curves(4, features=True).digest != curves.rows([0, 1, 3, 2]).digest
