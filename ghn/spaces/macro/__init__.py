"""NAS-Bench-Macro: chains of MobileNetV2 blocks, and the reader of their published table."""

from ghn.spaces.macro.space import NASBenchMacro as SPACE

ABOUT = "NAS-Bench-Macro: chains of eight MobileNetV2 blocks or identities; Su et al., CVPR 2021"
NETWORKS = "6,561 members, 3,969 distinct"
CHECKPOINT = "checkpoints/ghn_macro_cifar10_16px.safetensors"

__all__ = ["ABOUT", "CHECKPOINT", "NETWORKS", "SPACE"]
