"""Estimators: everything that says how good an architecture is."""

from ghn.estimators.combined import CombinedEstimator
from ghn.estimators.loading import load
from ghn.estimators.low_fidelity import Fidelity, LowFidelityEstimator
from ghn.estimators.model import Model
from ghn.estimators.morphism import MorphismEstimator
from ghn.estimators.population import Population
from ghn.estimators.readouts import READOUTS, Sample
from ghn.estimators.sgd import TrainingEstimator, train_references
from ghn.estimators.table import ReferenceTable, TableEstimator
from ghn.estimators.weighted import WeightedEstimator
from ghn.estimators.zerocost import ZERO_COST
from ghn.estimators.zerocost.estimator import make_zero_cost

__all__ = [
    "READOUTS",
    "ZERO_COST",
    "CombinedEstimator",
    "Fidelity",
    "LowFidelityEstimator",
    "Model",
    "MorphismEstimator",
    "Population",
    "ReferenceTable",
    "Sample",
    "TableEstimator",
    "TrainingEstimator",
    "WeightedEstimator",
    "load",
    "make_zero_cost",
    "train_references",
]
