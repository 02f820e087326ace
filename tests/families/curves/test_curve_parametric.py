"""The eleven families, and their ensemble by least squares and by MCMC."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from curve_cases import HORIZON, power_curves

from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.families.curves.estimator import make_curve_model
from ghn.families.curves.functions import FAMILIES
from ghn.families.curves.parametric import Chain, least_squares
from ghn.families.curves.stopping import hopeless
from ghn.tables.curves import Curves

X = np.arange(1.0, 13.0)
# the paper's formulas, each at x = 4 with easy parameters
BY_HAND = {
    "vapor pressure": ((-1.0, -0.5, 0.1), np.exp(-1 - 0.5 / 4 + 0.1 * np.log(4))),
    "pow3": ((0.8, 0.5, 0.5), 0.8 - 0.5 * 0.5),
    "log log linear": ((0.2, 1.4), np.log(0.2 * np.log(4) + 1.4)),
    "Hill3": ((0.8, 4.0, 2.0), 0.8 * 16 / (16 + 16)),
    "log power": ((0.8, np.log(4), -2.0), 0.8 / 2),
    "pow4": ((0.8, 1.0, 5.0, 1.0), 0.8 - 1 / 9),
    "MMF": ((0.8, 0.2, 0.25, 3.0), 0.8 - 0.6 / 2),
    "exp4": ((0.8, 0.0, 0.5, 0.5), 0.8 - np.exp(-1)),
    "Janoschek": ((0.8, 0.2, 0.5, 0.5), 0.8 - 0.6 * np.exp(-1)),
    "Weibull": ((0.8, 0.2, 0.25, 2.0), 0.8 - 0.6 * np.exp(-1)),
    "ilog2": ((0.8, 0.5), 0.8 - 0.5 / np.log(5)),
}


def test_the_paper_has_eleven_families():
    assert [family.name for family in FAMILIES] == list(BY_HAND)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)
def test_a_family_is_the_formula_and_fits_what_it_made(family):
    parameters, value = BY_HAND[family.name]
    made = family.curve(X, tuple(map(np.float64, parameters)))
    assert made[3] == pytest.approx(value)
    linear = family.fit(X[:8], made[None, :8])
    fitted = family.values(X, linear)[:, 0]
    error = ((fitted - made)[:, :8] ** 2).sum(axis=1)
    best = int(error.argmin())
    assert error[best] / 8 < 0.012**2  # the grid is as fine as the noise of validation accuracies
    np.testing.assert_allclose(fitted[best], made, atol=0.05)  # epochs unseen, too
    own = family.parameters(linear[best, 0], family.grid[best])
    np.testing.assert_allclose(family.curve(X, tuple(own)), fitted[best], atol=1e-6)


def test_least_squares_finds_the_end_of_curves_it_has_not_seen():
    curves = power_curves(100, noise=0.003)
    found = make_curve_model("parametric").predict(curves.until(8), HORIZON)
    error = found.mean - curves.val_accuracy[:, -1]
    last = curves.val_accuracy[:, 7] - curves.val_accuracy[:, -1]
    assert np.sqrt((error**2).mean()) < 0.6 * np.sqrt((last**2).mean())
    assert np.isnan(found.std).all()
    low, high = make_curve_model("parametric", spread="posterior").predict(curves.until(8), HORIZON).interval(0.95)
    assert ((low <= curves.val_accuracy[:, -1]) & (curves.val_accuracy[:, -1] <= high)).mean() >= 0.85


def annealed(n, seed):
    """Curves that rise again towards their end, as no family does."""
    curves = power_curves(n, seed=seed)
    return replace(curves, val_accuracy=curves.val_accuracy + 0.15 * (np.array(curves.epochs) / HORIZON) ** 4)


def test_intervals_cover_where_the_families_cannot_know_the_end():
    known, new = annealed(150, 10), annealed(200, 100)
    end = new.val_accuracy[:, -1]
    naive = make_curve_model("parametric", spread="posterior").predict(new.until(6), HORIZON)
    low, high = naive.interval(0.95)
    assert ((low <= end) & (end <= high)).mean() < 0.5  # what it is about
    model = make_curve_model("parametric")
    model.fit(known)
    found = model.predict(new.until(6), HORIZON)
    for level in (0.5, 0.8, 0.95):
        low, high = found.interval(level)
        assert ((low <= end) & (end <= high)).mean() == pytest.approx(level, abs=0.1)
    assert np.abs(found.mean - end).mean() < 0.5 * np.abs(naive.mean - end).mean()
    np.testing.assert_allclose(found.mean - naive.mean, (found.mean - naive.mean)[0])  # the order is the families'


def test_without_finished_curves_the_spread_is_unknown_and_nothing_is_stopped():
    found = make_curve_model("parametric").predict(annealed(3, 0).until(6), HORIZON)
    assert np.isfinite(found.mean).all() and np.isnan(found.std).all()
    assert not hopeless(found, 0.99).any()


def test_a_collapsed_curve_is_a_failure_with_its_epochs():
    model = make_curve_model("parametric")
    model.fit(power_curves(20))
    rows = [
        [0.3, 0.45, 0.55, 0.62, 0.66, 0.69, 0.1, 0.1],  # to chance
        [0.52, 0.7, 0.8, 0.85, 0.88, 0.9, 0.91, 0.5],  # of two classes
        [0.6, 0.61, 0.64, 0.6, 0.63, 0.61, 0.63, 0.6],  # noise at a plateau
        [0.1, 0.3, 0.2, 0.4, 0.3, 0.5, 0.55, 0.45],  # a high learning rate
    ]
    found = model.predict(Curves("abcd", range(1, 9), rows), HORIZON)
    assert "collapsed: val_accuracy fell from 0.69 after epoch 6 to 0.1 after epoch 8" in found.errors[0]
    assert "collapsed" in found.errors[1]
    assert found.errors[2:] == (None, None) and np.isfinite(found.mean[2:]).all()
    assert np.isnan(found.mean[:2]).all()


def test_finished_curves_must_hold_the_epochs_that_are_seen():
    model = make_curve_model("parametric")
    model.fit(power_curves(20).at([2, 4, 6, 8, 12]))
    with pytest.raises(DataError, match="no such epoch"):
        model.predict(power_curves(2).until(5), HORIZON)


def test_a_curve_is_fitted_alone():
    curves = power_curves(5)
    together = make_curve_model("parametric").predict(curves.until(6), HORIZON)
    alone = make_curve_model("parametric").predict(curves.rows([3]).until(6), HORIZON)
    np.testing.assert_allclose([together.mean[3], together.std[3]], [alone.mean[0], alone.std[0]], rtol=1e-9)


def test_what_falls_is_doubted_and_nothing_ends_outside_the_unit_interval():
    assert least_squares(X[:6], np.linspace(0.9, 0.1, 6)[None], 12.0)[1][0] > 0.1  # nothing allowed fits it
    steep = np.linspace(0.1, 0.95, 6)[None]
    assert 0.9 < least_squares(X[:6], steep, 12.0)[0][0] <= 1


def test_bad_curves_fail_beside_good_ones():
    values = np.vstack([power_curves(1).val_accuracy, np.full((2, 12), 0.1), power_curves(1).val_accuracy])
    values[2, 2:] = np.nan
    found = make_curve_model("parametric").predict(Curves("abcd", range(1, 13), values).until(6), HORIZON)
    assert [e and e.split(":")[0] for e in found.errors] == [None, "a constant curve", "too few points", None]
    assert np.isfinite(found.mean).tolist() == [True, False, False, True]


def test_mcmc_agrees_with_least_squares_where_the_curve_is_clear():
    curves = power_curves(2, noise=0.003)
    chain = Chain(steps=100, burn=150)
    options = {"mode": "mcmc", "chain": chain, "spread": "posterior"}
    found = make_curve_model("parametric", **options).predict(curves.until(9), HORIZON)
    quick = make_curve_model("parametric").predict(curves.until(9), HORIZON)
    assert found.samples.shape == (2, 1000)
    np.testing.assert_allclose(found.mean, quick.mean, atol=0.02)
    low, high = found.interval(0.95)
    assert ((low < curves.val_accuracy[:, -1]) & (curves.val_accuracy[:, -1] < high)).all()
    assert found.probability_above(0.0).tolist() == [1, 1]
    assert found.probability_above(0.99).tolist() == [0, 0]


def test_settings_and_a_missing_package(monkeypatch):
    with pytest.raises(ConfigError, match="unknown mode"):
        make_curve_model("parametric", mode="newton")
    with pytest.raises(ConfigError, match="unknown spread"):
        make_curve_model("parametric", spread="wide")
    with pytest.raises(ConfigError, match="even number of at least 96"):
        Chain(walkers=50)
    with pytest.raises(ConfigError, match="thin"):
        Chain(steps=5, thin=10)
    monkeypatch.setitem(sys.modules, "emcee", None)
    with pytest.raises(MissingExtraError, match="ghn\\[curves\\]"):
        make_curve_model("parametric", mode="mcmc").predict(power_curves(1).until(5), HORIZON)
