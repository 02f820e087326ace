"""Networks that make weights: graph hypernetworks, and random initialisation."""

from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.initial import RandomInit

__all__ = ["GHN", "GHNConfig", "RandomInit"]
