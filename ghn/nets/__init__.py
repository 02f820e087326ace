"""Networks that make weights: graph hypernetworks, and random initialisation."""

from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.initial import GaussianInit, RandomInit

__all__ = ["GHN", "GHNConfig", "GaussianInit", "RandomInit"]
