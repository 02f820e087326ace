"""Learning-curve extrapolation: from the first epochs to the last, with an uncertainty."""

from ghn.families.curves.estimator import CURVE_MODELS, CurveEstimator, architecture_features, make_curve_model
from ghn.families.curves.model import CurveModel, Predictions
from ghn.families.curves.stopping import Termination, early_termination, hopeless, predict_at
from ghn.tables.csv import read_curves_csv
from ghn.tables.curves import Curves

__all__ = [
    "CURVE_MODELS",
    "CurveEstimator",
    "CurveModel",
    "Curves",
    "Predictions",
    "Termination",
    "architecture_features",
    "early_termination",
    "hopeless",
    "make_curve_model",
    "predict_at",
    "read_curves_csv",
]
