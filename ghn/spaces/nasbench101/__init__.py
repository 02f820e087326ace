"""NAS-Bench-101: the space, its network, and the reader of its published table."""

from ghn.spaces.nasbench101.space import NASBench101 as SPACE

CHECKPOINT = "checkpoints/ghn_nasbench101_cifar10_16px.safetensors"

__all__ = ["CHECKPOINT", "SPACE"]
