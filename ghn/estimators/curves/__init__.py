"""Learning-curve extrapolation: from the first epochs to the last, with an uncertainty."""

from ghn.estimators.curves.csv_file import read_curves_csv
from ghn.estimators.curves.data import Curves
from ghn.estimators.curves.estimator import CurveEstimator
from ghn.estimators.curves.features import architecture_features
from ghn.estimators.curves.judge import Protocol, Verdict, cross_predict, judge
from ghn.estimators.curves.make import CURVE_MODELS, make_curve_model
from ghn.estimators.curves.model import CurveModel, Predictions
from ghn.estimators.curves.stopping import Termination, early_termination, hopeless, predict_at

__all__ = [
    "CURVE_MODELS",
    "CurveEstimator",
    "CurveModel",
    "Curves",
    "Predictions",
    "Protocol",
    "Termination",
    "Verdict",
    "architecture_features",
    "cross_predict",
    "early_termination",
    "hopeless",
    "judge",
    "make_curve_model",
    "predict_at",
    "read_curves_csv",
]
