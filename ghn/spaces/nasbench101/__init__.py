"""NAS-Bench-101: the space, its network, and the reader of its published table."""

from ghn.spaces.nasbench101.space import NASBench101 as SPACE

ABOUT = "NAS-Bench-101: cells of at most seven operations; Ying et al., ICML 2019"
NETWORKS = "423,624 members, not listed"
CHECKPOINT = "checkpoints/ghn_nasbench101_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
