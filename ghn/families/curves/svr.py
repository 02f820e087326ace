"""Support vector regression on the curve so far, its differences, and the architecture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.families.curves.model import Extrapolator, architecture_ids, check_losses, learnable
from ghn.tables.curves import Curves, Floats

COSTS = (1.0, 10.0, 100.0)
WIDTHS = (0.03, 0.1, 0.3)  # kernel coefficients, times the number of standardised inputs


@dataclass
class CurveSVR(Extrapolator):
    """A nu-SVR for each length of curve, on accuracies, first and second differences, and configuration features.

    Its cost and kernel width are chosen by cross-validation over architectures; `std` is that of the residuals of
    architectures left out, the same for all runs.

    Source: Baker, Gupta, Raskar & Naik, "Accelerating Neural Architecture Search using Performance Prediction",
    arXiv 1705.10823, 2017 (sequential regression models, nu-SVR).

    Args:
        train_loss: use the training losses so far as well, which the paper does not.
        nu: upper bound of the share of runs outside the tube.
        folds: of the cross-validation.
    """

    train_loss: bool = False
    nu: float = 0.5
    folds: int = 5
    _fitted: dict[tuple[int, ...], tuple[Any, float]] = field(default_factory=dict, init=False, repr=False)

    source = "Baker, Gupta, Raskar & Naik, Accelerating NAS using Performance Prediction, 2017"
    what = "the SVR"

    def __post_init__(self) -> None:
        if not 0 < self.nu <= 1 or self.folds < 2:
            raise ConfigError("settings of the SVR", got=repr(self), expected="0 < nu <= 1 and at least 2 folds")

    def fit(self, finished: Curves) -> None:
        """Keeps the finished curves; a regression is fitted when a length of curve is first asked for.

        Raises:
            DataError: too few of them, of one architecture alone, or without the training losses that it is to use.
        """
        known = learnable(finished)
        if self.train_loss:
            check_losses(known, "the SVR")
        if len(set(known.ids)) < 2:
            raise DataError("the SVR is validated on architectures left out", got="one", expected="at least two")
        self._finished, self._fitted = known, {}

    def _block(self, curves: Curves, horizon: int) -> tuple[Floats, Floats]:
        key = (*curves.epochs, horizon)
        if key not in self._fitted:
            self._fitted[key] = self._regression(self.known.at(key))
        model, std = self._fitted[key]
        inputs = self._inputs(curves)
        whole = np.isfinite(inputs).all(axis=1)  # losses may be missing
        mean = np.full(len(curves), np.nan)
        if whole.any():
            mean[whole] = model.predict(inputs[whole])
        return mean, np.full(len(curves), std)

    def _regression(self, known: Curves) -> tuple[Any, float]:
        """The regression for curves as long as all but the last epoch of these, and the spread of its residuals."""
        from sklearn.compose import TransformedTargetRegressor
        from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import NuSVR

        x, y = self._inputs(known.at(known.epochs[:-1])), known.val_accuracy[:, -1]
        groups = architecture_ids(known)
        folds = GroupKFold(min(self.folds, max(groups) + 1))
        svr = make_pipeline(StandardScaler(), NuSVR(nu=self.nu))
        widths = [width / x.shape[1] for width in WIDTHS]
        grid = {"regressor__nusvr__C": COSTS, "regressor__nusvr__gamma": widths}
        search = GridSearchCV(
            TransformedTargetRegressor(svr, transformer=StandardScaler()),
            grid,
            cv=folds,
            scoring="neg_mean_squared_error",
        )
        model = search.fit(x, y, groups=groups).best_estimator_
        left_out = cross_val_predict(model, x, y, groups=groups, cv=folds)
        return model, float(np.sqrt(((left_out - y) ** 2).mean()))

    def _inputs(self, curves: Curves) -> Floats:
        """[n, inputs]: accuracies, differences, and what else there is."""
        values = curves.val_accuracy
        parts = [values, np.diff(values, axis=1), np.diff(values, n=2, axis=1)]
        if self.train_loss:
            if curves.train_loss is None:
                raise DataError("the SVR was told to use training losses", got="curves without train_loss")
            parts.append(curves.train_loss)
        if curves.features is not None:
            parts.append(curves.features)
        return np.concatenate(parts, axis=1)
