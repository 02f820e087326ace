"""Small vision transformers: patches, width, depth, and the heads and the MLP of each block."""

from ghn.spaces.vit.space import ViT as SPACE

__all__ = ["SPACE"]
