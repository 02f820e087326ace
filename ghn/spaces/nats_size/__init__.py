"""The size search space of NATS-Bench, and the reader of its published archive."""

from ghn.spaces.nats_size.space import NATSBenchSize as SPACE

ABOUT = "NATS-Bench size space: the channels of five layers; Dong et al., TPAMI 2021"
NETWORKS = "32,768 members, all distinct"

__all__ = ["ABOUT", "NETWORKS", "SPACE"]
