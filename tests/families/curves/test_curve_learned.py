"""SVR, Bayesian network and Gaussian process: what finished curves teach them."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from curve_cases import HORIZON, power_curves

from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.families.curves.bnn import BASES, SHAPES, basis, sghmc
from ghn.families.curves.estimator import make_curve_model

OPTIONS = {
    "svr": {"folds": 3},
    "bnn": {"width": 8, "burn": 200, "samples": 10, "thin": 5},
    "gp": {"steps": 60},
}


def model(name):
    return make_curve_model(name, **OPTIONS[name])


def rmse(found, curves):
    return float(np.sqrt(((found.mean - curves.val_accuracy[:, -1]) ** 2).mean()))


@pytest.mark.parametrize("name", OPTIONS)
def test_finished_curves_teach_where_others_end(name):
    known, new = power_curves(50), power_curves(40, seed=1)
    learner = model(name)
    learner.fit(known)
    found = learner.predict(new.until(4), HORIZON)
    spread = new.val_accuracy[:, -1].std()
    assert rmse(found, new) < 0.6 * spread
    low, high = found.interval(0.95)
    inside = ((low <= new.val_accuracy[:, -1]) & (new.val_accuracy[:, -1] <= high)).mean()
    assert inside >= 0.8
    assert (found.std < spread).all()
    alone = learner.predict(new.rows([7]).until(4), HORIZON)
    np.testing.assert_allclose([alone.mean[0], alone.std[0]], [found.mean[7], found.std[7]], rtol=1e-6)


@pytest.mark.parametrize("name", OPTIONS)
def test_features_help_where_the_first_epochs_say_nothing(name):
    known, new = power_curves(50, features=True, noise=0.02), power_curves(40, features=True, noise=0.02, seed=1)
    learner = model(name)
    learner.fit(known)
    assert rmse(learner.predict(new.until(1), HORIZON), new) < 0.7 * new.val_accuracy[:, -1].std()


@pytest.mark.parametrize("name", OPTIONS)
def test_it_must_be_fitted_and_with_the_same_features(name):
    learner = model(name) if name != "bnn" else make_curve_model("bnn", width=2, burn=2, samples=1, thin=1)
    new = power_curves(3, features=True)
    with pytest.raises(ConfigError, match="has seen none"):
        learner.predict(new.until(4), HORIZON)
    learner.fit(power_curves(20))
    with pytest.raises(DataError, match="other features"):
        learner.predict(new.until(4), HORIZON)


def test_svr_uses_losses_when_told_to_and_needs_the_epochs():
    known, new = power_curves(40, noise=0.03), power_curves(40, noise=0.03, seed=1)
    known = replace(known, train_loss=np.repeat(known.val_accuracy[:, -1:], 12, axis=1))  # losses that know the end
    new = replace(new, train_loss=np.repeat(new.val_accuracy[:, -1:], 12, axis=1))
    learner, blind = make_curve_model("svr", train_loss=True), make_curve_model("svr")
    learner.fit(known)
    blind.fit(known)
    assert rmse(learner.predict(new.until(2), HORIZON), new) < 0.5 * rmse(blind.predict(new.until(2), HORIZON), new)
    with pytest.raises(DataError, match="no such epoch"):
        blind.predict(new.until(2), HORIZON + 1)
    with pytest.raises(DataError, match="without train_loss"):
        learner.predict(replace(new, train_loss=None).until(2), HORIZON)
    gap = np.where(np.arange(40)[:, None] == 3, np.nan, new.train_loss)
    found = learner.predict(replace(new, train_loss=gap).until(2), HORIZON)
    assert [i for i, error in enumerate(found.errors) if error] == [3]
    with pytest.raises(DataError, match="lack some"):  # before anything is trained that it could not judge
        learner.fit(replace(known, train_loss=gap))
    with pytest.raises(DataError, match="at least two"):
        blind.fit(replace(known, ids=("a",) * 40))
    with pytest.raises(ConfigError, match="nu"):
        make_curve_model("svr", nu=2)


def test_the_kernel_is_a_mixture_of_exponential_decays():
    from ghn.families.curves.gp_kernel import ExponentialDecayKernel

    kernel = ExponentialDecayKernel()
    a, b = kernel.alpha.item(), kernel.beta.item()
    t = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)
    rates = torch.distributions.Gamma(a, b).sample((200_000,)).double()
    by_hand = torch.stack([(-rates * (s + u)).exp().mean() for s in t for u in t]).view(3, 3)
    torch.testing.assert_close(kernel(t[:, None]).to_dense(), by_hand, atol=5e-3, rtol=0)
    torch.testing.assert_close(kernel(t[:, None], diag=True), kernel(t[:, None]).to_dense().diagonal())


def test_bases_end_at_zero_and_are_finite_from_the_first_epoch():
    shapes = torch.randn(20, SHAPES, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = basis(torch.tensor([0.005, 0.5, 1.0], dtype=torch.float64), 3 * shapes)
    assert found.shape == (20, 3, BASES)
    assert found.isfinite().all()
    assert (found[:, -1] == 0).all()
    assert (found[:, 0] <= 0).all()


def test_sghmc_draws_from_a_gaussian():
    scale = torch.tensor([0.5, 1.0, 3.0], dtype=torch.float64)
    draws = sghmc(
        lambda state: 0.5 * ((state - 1) ** 2 / scale**2).sum(),
        torch.zeros(3, dtype=torch.float64),
        burn=1000,
        samples=800,
        thin=5,
        step=0.2,
        generator=torch.Generator().manual_seed(0),
    )
    found = torch.stack(list(draws))
    torch.testing.assert_close(found.std(dim=0), scale, rtol=0.2, atol=0)
    assert ((found.mean(dim=0) - 1).abs() < 0.4 * scale).all()


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "gpytorch", None)
    monkeypatch.delitem(sys.modules, "ghn.families.curves.gp_kernel", raising=False)
    monkeypatch.delattr("ghn.families.curves.gp_kernel", raising=False)
    with pytest.raises(MissingExtraError, match="ghn\\[curves\\]"):
        make_curve_model("gp").fit(power_curves(12))
