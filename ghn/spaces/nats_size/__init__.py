"""The size search space of NATS-Bench, and the reader of its published archive."""

from ghn.spaces.nats_size.space import NATSBenchSize as SPACE

__all__ = ["SPACE"]
