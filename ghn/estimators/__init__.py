"""Estimators: everything that says how good an architecture is."""

from ghn.estimators.model import Model, load
from ghn.estimators.readouts import READOUTS, Sample
from ghn.estimators.sgd import TrainingEstimator, train_references
from ghn.estimators.table import ReferenceTable, TableEstimator
from ghn.estimators.weighted import WeightedEstimator

__all__ = [
    "READOUTS",
    "Model",
    "ReferenceTable",
    "Sample",
    "TableEstimator",
    "TrainingEstimator",
    "WeightedEstimator",
    "load",
    "train_references",
]
