"""The size search space of NATS-Bench, and the reader of its published archive."""

from ghn.spaces.nats_size.space import NATSBenchSize as SPACE

ABOUT = "NATS-Bench size space: the channels of five layers; Dong et al., TPAMI 2021"
NETWORKS = "32,768 members, all distinct"
CHECKPOINT = "checkpoints/ghn_nats_size_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
