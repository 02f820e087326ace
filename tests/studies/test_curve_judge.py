"""The judge: nobody is judged on what it has seen, and statistics are those of the predictions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from curve_cases import HORIZON, power_curves

from ghn.errors import ConfigError, DataError
from ghn.families.curves.estimator import make_curve_model
from ghn.families.curves.model import Predictions
from studies.curve_judge import Protocol, cross_predict, enough_folds, judge

PROTOCOL = Protocol(observed=(2, 5), horizon=HORIZON, draws=2, bootstrap=50)


class Prophet:
    """Knows the ends, up to a normal error of 0.01, and notes what it was shown."""

    source, needs_finished = "a test", False

    def __init__(self, curves):
        rng = np.random.default_rng(0)
        self.ends = {
            i: v + 0.01 * rng.standard_normal() for i, v in zip(curves.ids, curves.val_accuracy[:, -1], strict=True)
        }
        self.seen = set()

    def fit(self, finished):
        self.seen = set(finished.ids)

    def predict(self, observed, horizon):
        assert not self.seen & set(observed.ids)
        assert observed.epochs[-1] < horizon
        mean = np.array([self.ends[i] for i in observed.ids])
        return Predictions(mean, np.full(len(mean), 0.01), (None,) * len(mean))


def test_runs_of_one_architecture_are_in_one_fold():
    curves = power_curves(15)
    twice = curves.rows([*range(15), *range(15)])
    crossed = cross_predict(lambda: Prophet(twice), twice, PROTOCOL)
    assert np.isfinite(crossed.predicted[5].mean).all()
    assert np.array_equal(crossed.predicted[5].mean[:15], crossed.predicted[5].mean[15:])


def test_a_calibrated_prophet_is_found_so():
    curves = power_curves(150)
    verdicts, stops = judge(curves, {"prophet": lambda: Prophet(curves)}, PROTOCOL)
    assert [v.observed for v in verdicts] == [2, 5]
    found = verdicts[0].statistics
    assert found["rmse"].value == pytest.approx(0.01, rel=0.15)
    assert found["rmse"].low < found["rmse"].value < found["rmse"].high
    assert found["mae"].value < found["rmse"].value
    for level in (0.5, 0.8, 0.95):
        assert found[f"coverage@{level}"].value == pytest.approx(level, abs=0.1)
    assert found["kendall"].value > 0.85
    assert stops["prophet"].regret < 0.03


def test_failures_are_counted_by_kind_and_leave_no_statistics():
    verdicts, _ = judge(power_curves(30), {"parametric": lambda: make_curve_model("parametric")}, PROTOCOL)
    two, five = verdicts
    assert (two.n, two.failed, two.errors) == (0, 30, {"too few points": 30})
    assert two.statistics["kendall"].value is None and two.statistics["coverage@0.8"].value is None
    assert (five.n, five.failed) == (30, 0)
    assert five.statistics["rmse"].value > 0


def test_what_is_no_accuracy_is_judged_as_an_order_alone():
    class Order(Prophet):
        def predict(self, observed, horizon):
            found = super().predict(observed, horizon)
            return Predictions(found.mean, found.std * np.nan, found.errors)

    curves = power_curves(30)
    (verdict, _), stops = judge(curves, {"order": lambda: Order(curves)}, PROTOCOL)
    assert verdict.statistics["kendall"].value > 0.5
    assert verdict.statistics["coverage@0.5"].value is None
    assert stops["order"].stopped == 0


def test_a_protocol_that_cannot_be_followed_is_refused():
    for wrong in ({"observed": ()}, {"observed": (12,)}, {"observed": (0,)}, {"folds": 1}, {"draws": 0}):
        with pytest.raises(ConfigError):
            Protocol(**({"horizon": HORIZON} | wrong))
    with pytest.raises(ConfigError, match="too few finished"):
        judge(power_curves(9), {}, PROTOCOL)
    with pytest.raises(DataError, match="no such epoch"):
        judge(power_curves(20), {}, Protocol(observed=(2,), horizon=99))


@pytest.mark.parametrize(("n", "folds"), [(11, 11), (12, 6), (30, 5)])
def test_there_are_as_many_folds_as_leave_enough_to_learn_from(n, folds):
    curves = power_curves(n)
    assert enough_folds(curves, PROTOCOL) == folds
    verdicts, _ = judge(curves, {"last": lambda: make_curve_model("last")}, PROTOCOL)
    assert [verdict.n for verdict in verdicts] == [n, n]


def test_too_few_runs_are_told_how_many_it_takes():
    constant = power_curves(11).val_accuracy
    constant[3] = 0.1
    twice = power_curves(6).rows([0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])
    for curves in (power_curves(8), power_curves(10), replace(power_curves(11), val_accuracy=constant), twice):
        with pytest.raises(ConfigError, match="with a run each, 11"):
            judge(curves, {"last": lambda: make_curve_model("last")}, PROTOCOL)
