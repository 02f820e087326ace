"""Networks that make weights: graph hypernetworks, and random initialisation."""

from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.initial import GaussianInit, RandomInit
from ghn.nets.kinds import CLASS_HEAD, Kind, register_kind

__all__ = ["CLASS_HEAD", "GHN", "GHNConfig", "GaussianInit", "Kind", "RandomInit", "register_kind"]
