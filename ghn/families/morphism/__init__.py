"""Network morphisms: a trained network becomes another one that computes the same, with weights and statistics.

Those of `shrink` are approximate.
"""

from ghn.families.morphism.exact import Deeper, Skip, Wider, WiderKernel
from ghn.families.morphism.network import Morphism, WeightedNetwork
from ghn.families.morphism.refit import refit
from ghn.families.morphism.shrink import Narrower, Shallower, Unskip

__all__ = [
    "Deeper",
    "Morphism",
    "Narrower",
    "Shallower",
    "Skip",
    "Unskip",
    "WeightedNetwork",
    "Wider",
    "WiderKernel",
    "refit",
]
