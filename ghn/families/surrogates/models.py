"""Regressors behind one small interface: `fit(x, y)`, then `predict(x)` gives means and standard deviations.

Hyperparameters were chosen on the development sample (docs/surrogates.md) and are the same for every space. What is
heavy to import is imported by the model that needs it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from ghn.errors import ConfigError
from ghn.families.surrogates.regression import Prediction, Regressor, Rows, Vector


class Probabilistic:
    """A scikit-learn regressor that gives standard deviations itself; made for a number of features, standardised."""

    reads_graphs = False

    def __init__(self, make: Callable[[int], Any]) -> None:
        from sklearn.preprocessing import StandardScaler

        self._make, self._scaler = make, StandardScaler()

    def fit(self, x: Rows, y: Vector) -> None:
        from sklearn.exceptions import ConvergenceWarning

        self._model = self._make(x.matrix.shape[1])
        with warnings.catch_warnings():  # a length scale at its bound says that a feature does not matter
            warnings.simplefilter("ignore", ConvergenceWarning)
            self._model.fit(self._scaler.fit_transform(x.matrix), y)

    def predict(self, x: Rows) -> Prediction:
        return Prediction(*self._model.predict(self._scaler.transform(x.matrix), return_std=True))


class Ensemble:
    """A scikit-learn ensemble: the standard deviation is the spread over its members."""

    reads_graphs = False

    def __init__(self, make: Callable[[], Any]) -> None:
        self._model = make()

    def fit(self, x: Rows, y: Vector) -> None:
        self._model.fit(x.matrix, y)

    def predict(self, x: Rows) -> Prediction:
        matrix = x.matrix.astype(np.float32)  # what trees compare in: one conversion for all of them
        each = np.stack([member.predict(matrix) for member in self._model.estimators_])
        return Prediction(each.mean(0), each.std(0))


def _ridge(features: int) -> Any:
    """Source: MacKay, "Bayesian Interpolation", Neural Computation 1992; Tipping, JMLR 2001."""
    from sklearn.linear_model import BayesianRidge

    return BayesianRidge()


def _process(features: int) -> Any:
    """Source: Rasmussen & Williams, "Gaussian Processes for Machine Learning", 2006, eq. 4.17 (Matern), sec. 5.4.1."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    reach = max(1, features) ** 0.5
    kernel = ConstantKernel(1.0) * Matern(reach, (reach / 10, reach * 100), nu=2.5) + WhiteKernel(0.1)
    return GaussianProcessRegressor(kernel)


def _forest(seed: int) -> Any:
    """Source: Breiman, "Random Forests", Machine Learning 2001; spread over trees: Hutter et al., SMAC, LION 2011."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(100, max_features=1 / 3, random_state=seed)


def _boosting(seed: int) -> Any:
    """Source: Friedman, "Greedy Function Approximation", Annals of Statistics 2001; bagged for a spread."""
    from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor

    return BaggingRegressor(GradientBoostingRegressor(n_estimators=100), 5, random_state=seed)


MODELS = ("ridge", "random_forest", "gradient_boosting", "gaussian_process", "gnn")


def make_model(name: str, seed: int = 0) -> Callable[[], Regressor]:
    """A factory of unfitted models: one is fitted on all references, others on parts of them for calibration."""
    if name not in MODELS:
        raise ConfigError("unknown model of a surrogate", got=name, expected=" | ".join(MODELS))
    if name == "gnn":
        from ghn.families.surrogates.graph_network import GraphNetwork

        return partial(GraphNetwork, seed=seed)
    if name in ("ridge", "gaussian_process"):
        return partial(Probabilistic, _ridge if name == "ridge" else _process)
    return partial(Ensemble, partial(_forest if name == "random_forest" else _boosting, seed))
