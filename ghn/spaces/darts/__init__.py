"""The DARTS space: the space, its network, and its genotypes."""

from ghn.spaces.darts.space import DARTS as SPACE

__all__ = ["SPACE"]
