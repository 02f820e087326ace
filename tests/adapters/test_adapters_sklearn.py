"""The regressor against scikit-learn's own checks."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.utils.estimator_checks import check_estimator

from ghn.adapters.sklearn import ON_FEATURES, SurrogateRegressor
from ghn.errors import ConfigError


@pytest.mark.filterwarnings("ignore")  # some checks provoke warnings of models
@pytest.mark.parametrize("target", ["rank", "value"])
def test_scikit_learns_checks(target: str) -> None:
    check_estimator(SurrogateRegressor("ridge", target=target))


@pytest.fixture(scope="module")
def cells(toy_space: Any) -> tuple[Any, Any]:
    """Cells as columns of operations, and values with noise that go with their convolutions."""
    archs, rng = Random(0).sample(toy_space.distinct(), 120), np.random.default_rng(0)
    values = np.array([0.1 * sum("conv" in op for op in arch) for arch in archs])
    return np.array(archs), values + 0.03 * rng.standard_normal(len(archs))


def test_in_pipelines_searches_and_cross_validation(cells: tuple[Any, Any]) -> None:
    pipeline = make_pipeline(OneHotEncoder(sparse_output=False, handle_unknown="ignore"), SurrogateRegressor("ridge"))
    found = GridSearchCV(pipeline, {"surrogateregressor__target": ["rank", "value"]}, cv=3).fit(*cells)
    assert found.best_score_ > 0.8 and set(found.cv_results_["param_surrogateregressor__target"]) == {"rank", "value"}
    assert cross_val_score(pipeline, *cells, cv=3).mean() > 0.8


@pytest.mark.parametrize("model", ON_FEATURES)
def test_deviations_are_calibrated_and_seeds_repeat(cells: tuple[Any, Any], model: str) -> None:
    x = OneHotEncoder(sparse_output=False).fit_transform(cells[0])
    made = [SurrogateRegressor(model, folds=2, seed=1).fit(x[:80], cells[1][:80]) for _ in range(2)]
    mean, std = made[0].predict(x[80:], return_std=True)
    assert (mean == made[1].predict(x[80:])).all()
    inside = np.abs(mean - cells[1][80:]) < 2 * std
    assert inside.mean() >= 0.8 and (std > 0).all() and std.mean() < cells[1].std()


def test_wrong_input(cells: tuple[Any, Any]) -> None:
    x, y = OneHotEncoder(sparse_output=False).fit_transform(cells[0]), cells[1]
    with pytest.raises(ConfigError, match="ridge"):
        SurrogateRegressor("gnn").fit(x, y)
    with pytest.raises(ConfigError, match="rank"):
        SurrogateRegressor("ridge", target="loss").fit(x, y)
    for bad in (np.where(np.arange(len(y)) == 3, np.nan, y), y[:-1]):
        with pytest.raises(ValueError, match=r"NaN|inconsistent"):
            SurrogateRegressor("ridge").fit(x, bad)
    constant = SurrogateRegressor("ridge").fit(x, np.full(len(y), 0.1)).predict(x[:3], return_std=True)
    assert constant[0] == pytest.approx(0.1) and np.isfinite(constant[1]).all()
    reverse = [SurrogateRegressor("ridge", target="value").fit(x, sign * y).predict(x) for sign in (1, -1)]
    assert reverse[0] == pytest.approx(-reverse[1], abs=1e-6)
