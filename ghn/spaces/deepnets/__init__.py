"""A space of diverse networks, as DeepNets-1M: what is drawn, from which distribution, and of which layers."""

from ghn.spaces.deepnets.space import DeepNets as SPACE

ABOUT = (
    "diverse networks of convolutions, attention, norms and pools, "
    "to train hypernetworks for networks of any kind; Knyazev et al., NeurIPS 2021"
)
NETWORKS = "without end"
CHECKPOINT = "checkpoints/ghn_deepnets_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
