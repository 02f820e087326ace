"""NAS-Bench-Macro: chains of MobileNetV2 blocks, and the reader of their published table."""

from ghn.spaces.macro.space import NASBenchMacro as SPACE

__all__ = ["SPACE"]
