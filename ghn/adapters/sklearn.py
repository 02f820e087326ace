"""ghn's surrogates as a regressor of scikit-learn, on any features: in pipelines and grid searches."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from ghn.errors import check_known
from ghn.families.surrogates.models import MODELS, make_model
from ghn.families.surrogates.regression import FLOOR, TARGETS, Rows, calibrate

ON_FEATURES = tuple(name for name in MODELS if name != "gnn")  # which reads graphs


class SurrogateRegressor(RegressorMixin, BaseEstimator):
    """A regression that gives calibrated standard deviations: what `SurrogateEstimator` is behind its inputs.

    Args:
        model: of `ON_FEATURES`.
        target: `rank` learns normal scores of the values, `value` the values themselves.
        folds: of the cross-validation that calibrates.
        seed: of the model and the folds.
    """

    def __init__(self, model: str = "random_forest", *, target: str = "rank", folds: int = 5, seed: int = 0) -> None:
        self.model, self.target, self.folds, self.seed = model, target, folds, seed

    def fit(self, X: Any, y: Any) -> Self:
        """Learns from features [n, f] and values [n].

        Raises:
            ConfigError: an unknown model or target.
            ValueError: of scikit-learn: shapes, NaN, fewer than two rows.
        """
        check_known("model on features", self.model, ON_FEATURES)
        check_known("target of a surrogate", self.target, TARGETS)
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        make = make_model(self.model, self.seed)
        rows = Rows(X)
        self.target_ = TARGETS[self.target](y.astype(np.float64))
        self.calibration_ = calibrate(make, rows, self.target_.targets, folds=self.folds, seed=self.seed)
        self.model_ = make()
        self.model_.fit(rows, self.target_.targets)
        return self

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Medians [n] of what is expected; with `return_std` their calibrated standard deviations [n] too."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        mean, std = self.model_.predict(Rows(X))
        if not return_std:
            return self.target_.back(mean)
        reach, back = self.calibration_.scale * np.maximum(std, FLOOR), self.target_.back
        return back(mean), (back(mean + reach) - back(mean - reach)) / 2
