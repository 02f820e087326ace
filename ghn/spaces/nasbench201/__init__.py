"""NAS-Bench-201: the space, its network, and what is known of it."""

from ghn.spaces.nasbench201.space import NASBench201 as SPACE

CHECKPOINT = "checkpoints/ghn_nasbench201_cifar10_16px.safetensors"
DEFAULT = True  # `ghn.load()` takes it

__all__ = ["CHECKPOINT", "DEFAULT", "SPACE"]
