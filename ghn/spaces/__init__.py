"""Search spaces: sets of architectures, each with the one road to its computation graph."""

from ghn.spaces.nasbench201 import NASBench201

__all__ = ["NASBench201"]
