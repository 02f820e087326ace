"""NAS-Bench-201: the space, its network, and what is known of it."""

from ghn.spaces.nasbench201.space import NASBench201 as SPACE

ABOUT = "NAS-Bench-201: cells of six edges with one of five operations each; Dong & Yang, ICLR 2020"
NETWORKS = "15,625 members, 4,930 distinct"
CHECKPOINT = "checkpoints/ghn_nasbench201_cifar10_16px.safetensors"
DEFAULT = True  # `ghn.load()` takes it

__all__ = ["ABOUT", "CHECKPOINT", "DEFAULT", "NETWORKS", "SPACE"]
