"""Surrogates: estimators that learn from a few trained references, with calibrated uncertainty.

`SurrogateEstimator(space, inputs=[...], model="...")`: inputs are feature sources in any combination, models are
regressors of scikit-learn or a graph network. docs/surrogates.md says which are worth what.
"""

from ghn.families.surrogates.calibrate import LEVELS, Calibration, coverage, interval_key
from ghn.families.surrogates.inputs import (
    INPUTS,
    Adjacency,
    Curve,
    Embedding,
    Input,
    Paths,
    Scores,
    Statistics,
    Summary,
    make_inputs,
)
from ghn.families.surrogates.models import MODELS, make_model
from ghn.families.surrogates.regressor import Prediction, Regressor, Rows
from ghn.families.surrogates.surrogate import SurrogateEstimator

__all__ = [
    "INPUTS",
    "LEVELS",
    "MODELS",
    "Adjacency",
    "Calibration",
    "Curve",
    "Embedding",
    "Input",
    "Paths",
    "Prediction",
    "Regressor",
    "Rows",
    "Scores",
    "Statistics",
    "Summary",
    "SurrogateEstimator",
    "coverage",
    "interval_key",
    "make_inputs",
    "make_model",
]
