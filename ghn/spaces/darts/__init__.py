"""The DARTS space: the space, its network, and its genotypes."""

from ghn.spaces.darts.space import DARTS as SPACE

CHECKPOINT = "checkpoints/ghn_darts_cifar10_16px.safetensors"

__all__ = ["CHECKPOINT", "SPACE"]
