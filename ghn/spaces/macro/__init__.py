"""NAS-Bench-Macro: chains of MobileNetV2 blocks, and the reader of their published table."""

from ghn.spaces.macro.space import NASBenchMacro as SPACE

CHECKPOINT = "checkpoints/ghn_macro_cifar10_16px.safetensors"

__all__ = ["CHECKPOINT", "SPACE"]
