"""A space of diverse networks, as DeepNets-1M: what is drawn, from which distribution, and of which layers."""

from ghn.spaces.deepnets.space import DeepNets as SPACE

CHECKPOINT = "checkpoints/ghn_deepnets_cifar10_16px.safetensors"

__all__ = ["CHECKPOINT", "SPACE"]
