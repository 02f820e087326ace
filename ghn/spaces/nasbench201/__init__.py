"""NAS-Bench-201: the space, its network, and what is known of it."""

from ghn.spaces.nasbench201.space import NASBench201 as SPACE

DEFAULT_CHECKPOINT = "checkpoints/ghn_nasbench201_cifar10_16px.safetensors"  # the shipped one that `ghn.load()` takes

__all__ = ["DEFAULT_CHECKPOINT", "SPACE"]
