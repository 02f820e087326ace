"""Last value and sum of losses, and what all models share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from curve_cases import HORIZON, power_curves
from scipy.stats import norm

from ghn.errors import ConfigError, DataError
from ghn.families.curves.estimator import CURVE_MODELS, make_curve_model
from ghn.families.curves.model import Predictions
from ghn.tables.curves import Curves


def test_the_last_value_alone_is_a_random_walk():
    curves = Curves(("a", "b"), (1, 2, 3), [[0.1, 0.2, 0.3], [0.2, 0.5, np.nan]])
    found = make_curve_model("last").predict(curves, 7)
    np.testing.assert_allclose(found.mean, [0.3, 0.5])
    np.testing.assert_allclose(found.std, [0.1 * 2, 0.3 * 5**0.5])


def test_after_one_epoch_the_last_value_stands_with_an_unknown_spread():
    found = make_curve_model("last").predict(Curves(("a", "b"), (1,), [[0.1], [0.2]]), 7)
    np.testing.assert_allclose(found.mean, [0.1, 0.2])
    assert np.isnan(found.std).all() and found.errors == (None, None)


@pytest.mark.parametrize("name", CURVE_MODELS)
def test_models_do_with_the_fewest_epochs_that_they_ask_for(name):
    model = make_curve_model(name, **({"burn": 1, "samples": 1, "width": 2} if name == "bnn" else {}))
    model.fit(power_curves(12))
    found = model.predict(power_curves(3, seed=1).until(model.least_epochs), HORIZON)
    assert np.isfinite(found.mean).all() and found.errors == (None,) * 3


def test_the_last_value_learns_the_usual_gain():
    curves, other = power_curves(30), power_curves(30, seed=1)
    model = make_curve_model("last")
    model.fit(curves)
    found = model.predict(other.until(4), HORIZON)
    gain = curves.val_accuracy[:, -1] - curves.val_accuracy[:, 3]
    np.testing.assert_allclose(found.mean, other.val_accuracy[:, 3] + gain.mean())
    np.testing.assert_allclose(found.std, gain.std(ddof=1))


def test_the_sum_of_losses_is_an_order_and_learns_to_be_an_accuracy():
    curves, other = power_curves(30), power_curves(30, seed=1)
    model = make_curve_model("sotl")
    order = model.predict(other.until(4), HORIZON)
    np.testing.assert_allclose(order.mean, -other.train_loss[:, :4].sum(axis=1))
    assert np.isnan(order.std).all() and np.isnan(order.probability_above(0.5)).all()
    model.fit(curves)
    found = model.predict(other.until(4), HORIZON)
    assert (np.argsort(found.mean) == np.argsort(order.mean)).all()
    assert np.abs(found.mean - other.val_accuracy[:, -1]).mean() < 2 * found.std[0]
    with pytest.raises(DataError, match="train_loss"):
        model.predict(replace(other, train_loss=None).until(4), HORIZON)
    with pytest.raises(DataError, match="lack some"):  # before anything is trained that it could not judge
        model.fit(replace(curves, train_loss=None))


def test_probabilities_and_intervals_are_those_of_the_distribution():
    normal = Predictions(np.array([0.5, np.nan]), np.array([0.1, np.nan]), (None, "why"))
    np.testing.assert_allclose(normal.probability_above(0.6), [norm.sf(1), np.nan])
    np.testing.assert_allclose(np.array(normal.interval(0.95))[:, 0], [0.5 - 0.196, 0.5 + 0.196], atol=1e-4)
    draws = np.linspace(0, 1, 1001)[None]
    sampled = Predictions(draws.mean(1), draws.std(1), (None,), draws)
    np.testing.assert_allclose(sampled.probability_above(0.8), [0.2], atol=2e-3)
    np.testing.assert_allclose(np.array(sampled.interval(0.5))[:, 0], [0.25, 0.75])


@pytest.mark.parametrize("name", ["last", "sotl", "svr", "gp", "bnn"])
def test_too_few_finished_curves_are_refused(name):
    curves = power_curves(20)
    broken = np.where(np.arange(20)[:, None] < 9, curves.val_accuracy, np.nan)
    with pytest.raises(DataError, match="9 of 20 runs"):
        make_curve_model(name).fit(replace(curves, val_accuracy=broken))


@pytest.mark.parametrize("name", CURVE_MODELS)
def test_a_horizon_that_has_been_passed_is_refused(name):
    model, curves = (
        make_curve_model(name, **({"burn": 1, "samples": 1, "width": 2} if name == "bnn" else {})),
        power_curves(12),
    )
    model.fit(curves)
    with pytest.raises(ConfigError, match="observed already"):
        model.predict(curves, HORIZON)


def test_unknown_models_and_options_are_refused():
    with pytest.raises(ConfigError, match="unknown model"):
        make_curve_model("oracle")
    with pytest.raises(ConfigError, match="no such option"):
        make_curve_model("svr", depth=3)
