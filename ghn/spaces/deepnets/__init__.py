"""A space of diverse networks, as DeepNets-1M: what is drawn, from which distribution, and of which layers."""

from ghn.spaces.deepnets.space import DeepNets as SPACE

__all__ = ["SPACE"]
