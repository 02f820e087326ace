"""Network morphisms: a trained network becomes another one that computes the same, with weights and statistics.

Those of `shrink` are approximate.
"""

from ghn.families.morphism.exact import Deeper, Skip, Wider, WiderKernel
from ghn.families.morphism.network import Morphism, Network
from ghn.families.morphism.shrink import Narrower, Shallower, Unskip, refit

__all__ = [
    "Deeper",
    "Morphism",
    "Narrower",
    "Network",
    "Shallower",
    "Skip",
    "Unskip",
    "Wider",
    "WiderKernel",
    "refit",
]
