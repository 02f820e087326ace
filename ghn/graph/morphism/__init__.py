"""Network morphisms: a trained network becomes another one that computes the same, with weights and statistics.

Those of `shrink` are approximate.
"""

from ghn.graph.morphism.deeper import Deeper
from ghn.graph.morphism.kernel import WiderKernel
from ghn.graph.morphism.least_squares import refit
from ghn.graph.morphism.network import Morphism, Network
from ghn.graph.morphism.shrink import Narrower, Shallower, Unskip
from ghn.graph.morphism.skip import Skip
from ghn.graph.morphism.wider import Wider

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
