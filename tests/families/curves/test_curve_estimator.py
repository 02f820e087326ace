"""Learning curves as an estimator, over a table of trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from curve_cases import HORIZON, power_curves, table_of

from ghn.errors import ConfigError, DataError
from ghn.families.curves.estimator import CurveEstimator, architecture_features, make_curve_model
from ghn.spaces import NASBench201
from ghn.tables.curves import Curves
from ghn.tables.lookup import TableEstimator
from ghn.types import Score, Trial

SPACE = NASBench201((3, 8, 8), classes=4, width=4, depth=1)
CELLS = [SPACE.format(cell) for cell in SPACE.distinct()[:40]]


@pytest.fixture
def curves() -> Curves:
    return replace(power_curves(40), ids=tuple(CELLS))


class Counting(TableEstimator):
    asked = 0

    def score(self, trials):
        self.asked += len(trials)
        return super().score(trials)


def trainer(curves):
    return Counting(table_of(curves), SPACE)


def trials(cells=CELLS[:5], budget=None):
    return [Trial(cell, cell, budget) for cell in cells]


def test_a_score_is_what_the_model_says_of_the_short_training(curves):
    estimator = CurveEstimator(
        trainer(curves), make_curve_model("last"), 4, HORIZON, finished=curves.rows(range(5, 40))
    )
    scores = estimator.score(trials())
    by_hand = make_curve_model("last")
    by_hand.fit(curves.rows(range(5, 40)))
    found = by_hand.predict(curves.rows(range(5)).until(4), HORIZON)
    np.testing.assert_allclose([s.value for s in scores], found.mean)
    np.testing.assert_allclose([s.std for s in scores], found.std)
    for score in scores:
        assert score.budget == 4
        assert score.cost_seconds == pytest.approx(4.0, abs=0.5)  # of the table's 12 seconds, and the extrapolation
        assert score.extra["curve"]["epochs"] == [1, 2, 3, 4]


def test_a_budget_is_epochs_and_the_whole_training_is_its_own_answer(curves):
    estimator = CurveEstimator(trainer(curves), make_curve_model("last"), 4, HORIZON)
    short, whole = estimator.score([Trial("s", CELLS[0], 6), Trial("w", CELLS[0], HORIZON)])
    assert short.budget == 6 and short.value == pytest.approx(curves.val_accuracy[0, 5])
    assert whole.value == pytest.approx(curves.val_accuracy[0, -1])
    assert whole.std is None


def test_failures_are_kept_and_bad_curves_counted(curves):
    values = curves.val_accuracy.copy()
    values[1] = 0.1
    estimator = CurveEstimator(trainer(replace(curves, val_accuracy=values)), make_curve_model("last"), 4, HORIZON)
    missing = SPACE.format(SPACE.distinct()[50])
    good, constant, absent = estimator.score(trials([CELLS[0], CELLS[1], missing]))
    assert good.ok
    assert "constant curve" in constant.error and constant.cost_seconds > 0
    assert "not in the table" in absent.error


def test_a_model_that_learns_is_refused_before_anything_is_trained(curves):
    inner = trainer(curves)
    estimator = CurveEstimator(inner, make_curve_model("svr"), 4, HORIZON)
    with pytest.raises(ConfigError, match="has seen none"):
        estimator.score(trials())
    assert inner.asked == 0
    assert estimator.score([]) == []


def test_finished_trainings_in_the_history_are_learned_from(curves):
    inner = trainer(curves)
    history = list(zip(trials(CELLS[5:30]), inner.score(trials(CELLS[5:30])), strict=True))
    history += [(Trial("short", CELLS[31]), inner.score(trials([CELLS[31]], 3))[0])]
    history += [(Trial("bad", "x"), Score.failed("no")), (Trial("number", "y"), Score(0.5))]
    estimator = CurveEstimator(inner, make_curve_model("svr", folds=3), 4, HORIZON)
    before = estimator.identity
    estimator.fit(history)
    found = np.array([s.value for s in estimator.score(trials(CELLS[30:]))])
    truth = curves.val_accuracy[30:, -1]
    assert np.sqrt(((found - truth) ** 2).mean()) < 0.6 * truth.std()
    assert estimator.identity != before
    more = CurveEstimator(inner, make_curve_model("last"), 4, HORIZON, finished=curves.rows(range(30, 40)))
    given = more.identity
    more.fit(history)
    assert more.identity != given
    more.fit([])
    assert more.identity == given


def test_features_of_the_space_reach_the_model(curves):
    features = architecture_features(SPACE, CELLS)
    assert len({tuple(f) for f in features.values()}) > 20
    known = replace(curves, features=np.array([features[cell] for cell in CELLS])).rows(range(5, 40))
    estimator = CurveEstimator(
        trainer(curves), make_curve_model("svr", folds=3), 4, HORIZON, finished=known, space=SPACE
    )
    assert all(score.ok for score in estimator.score(trials()))


def test_epochs_must_lie_before_the_horizon(curves):
    for epochs in (0, HORIZON):
        with pytest.raises(ConfigError, match="1 to 11 of 12"):
            CurveEstimator(trainer(curves), make_curve_model("last"), epochs, HORIZON)


def test_fewer_epochs_than_the_model_needs_are_refused_before_anything_is_trained(curves):
    inner = trainer(curves)
    with pytest.raises(ConfigError, match=r"first 4 epochs(?s:.*)got: +3 of 12\n(?s:.*)4 to 11 of 12(?s:.*)at least 4"):
        CurveEstimator(inner, make_curve_model("parametric"), 3, HORIZON)
    estimator = CurveEstimator(inner, make_curve_model("parametric"), 4, HORIZON)
    with pytest.raises(ConfigError, match="first 4 epochs"):
        estimator.score([Trial("long", CELLS[0], 6), Trial("short", CELLS[1], 3)])
    assert inner.asked == 0
    assert all(score.ok for score in estimator.score(trials()))


def test_finished_curves_without_the_features_of_candidates_are_refused_at_once(curves):
    with pytest.raises(DataError, match="both have features"):
        CurveEstimator(trainer(curves), make_curve_model("svr"), 4, HORIZON, finished=curves, space=SPACE)
    assert CurveEstimator(trainer(curves), make_curve_model("last"), 4, HORIZON, finished=curves, space=SPACE)
