"""Small vision transformers: patches, width, depth, and the heads and the MLP of each block."""

from ghn.spaces.vit.space import ViT as SPACE

ABOUT = "small vision transformers: patches, width, depth, heads; as Chen et al., ICCV 2021"
NETWORKS = "4,782,888 members for 16x16 pixels, not listed"
CHECKPOINT = "checkpoints/ghn_vit_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
