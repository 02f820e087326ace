"""Early termination, on runs whose ends are known."""

from __future__ import annotations

import numpy as np
import pytest
from curve_cases import HORIZON, power_curves

from ghn.errors import ConfigError, DataError
from ghn.families.curves.estimator import make_curve_model
from ghn.families.curves.model import Predictions
from ghn.families.curves.stopping import early_termination, hopeless, predict_at
from ghn.tables.curves import Curves


def says(mean, std=0.001):
    mean = np.asarray(mean, dtype=float)
    return Predictions(mean, np.full(len(mean), std), (None,) * len(mean))


def ending(*final):
    return Curves(tuple(map(str, final)), (1, 2, 4), [[0.1, 0.2, f] for f in final])


def test_hopeless_is_a_small_probability_and_never_a_failure():
    found = Predictions(np.array([0.4, 0.5, np.nan]), np.array([0.05, 0.05, np.nan]), (None, None, "too short"))
    assert hopeless(found, 0.5).tolist() == [True, False, False]  # P = 0.02, 0.5
    assert hopeless(found, 0.5, threshold=0.01).tolist() == [False, False, False]


def test_a_prophet_is_never_wrong_and_saves_what_can_be_saved():
    final = np.linspace(0.3, 0.8, 12)
    found = early_termination(ending(*final), {1: says(final)}, 4, orders=200)
    assert found.wrong == 0 and found.best_lost == 0 and found.regret == 0
    # of 12 in random order, a record comes 1 + 1/2 + ... + 1/12 times: those are finished, the others stopped at once
    records = (1 / np.arange(1, 13)).sum()
    assert found.stopped == pytest.approx(1 - records / 12, abs=0.03)
    assert found.saved == pytest.approx(0.75 * found.stopped)


def test_a_pessimist_is_wrong_and_pays_for_it():
    final = np.linspace(0.3, 0.8, 12)
    found = early_termination(ending(*final), {1: says(final * 0), 2: says(final)}, 4, orders=200)
    assert found.stopped == pytest.approx(11 / 12)  # all but the first
    assert found.wrong == pytest.approx(0.5, abs=0.1)  # half of the others are better than the first
    assert found.best_lost == pytest.approx(11 / 12, abs=0.1)
    assert found.regret == pytest.approx(0.25, abs=0.05)  # best minus mean


def test_who_never_stops_saves_nothing():
    final = np.linspace(0.3, 0.8, 12)
    found = early_termination(ending(*final), {2: says(final, std=1.0)}, 4, orders=3)
    assert (found.stopped, found.wrong, found.saved, found.regret) == (0, None, 0, 0)


def test_a_model_stops_runs_of_real_curves():
    known, new = power_curves(30), power_curves(40, seed=1)
    model = make_curve_model("last")
    model.fit(known)
    found = early_termination(new, predict_at(model, new, (2, 6), HORIZON), HORIZON)
    assert found.saved > 0.1
    assert found.regret < 0.02


def test_what_cannot_be_walked_is_refused():
    curves, predicted = ending(0.3, 0.4), {1: says([0.3, 0.4])}
    with pytest.raises(ConfigError, match="threshold"):
        early_termination(curves, predicted, 4, threshold=0)
    with pytest.raises(ConfigError, match="before 4"):
        early_termination(curves, {4: predicted[1]}, 4)
    with pytest.raises(DataError, match="not finished"):
        early_termination(ending(0.3, np.nan), predicted, 4)
