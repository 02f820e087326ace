"""The only file that knows devices, precisions and ranks; everything else is handed a Lightning `Fabric`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ghn.errors import ConfigError
from ghn.types import WeightDict

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "tf32", "bf16")


class Unsearched(nn.Module):
    """A module that makes weights, called with a function that gives its argument: Fabric searches lists alone.

    Parameters that are handed out as they are, as those of a bank, leave as views: Fabric hangs a hook on every tensor
    that leaves, each step one more, and on a parameter they would stay.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, argument: Callable[[], Any]) -> list[WeightDict]:
        """Runs the inner module."""
        made: list[WeightDict] = self.inner(argument())
        return [{name: w.view_as(w) if w.is_leaf else w for name, w in weights.items()} for weights in made]


def make_runtime(device: str = "auto", precision: str = "float32", threads: int | None = None) -> Fabric:
    """Chooses a device.

    Args:
        device: `auto` takes CUDA, then MPS, then the CPU.
        precision: `float32` is exact; `tf32` uses CUDA's matrix units for float32; `bf16` is autocast.
        threads: CPU threads of this process; None leaves PyTorch's choice.

    Raises:
        ConfigError: unknown or unavailable device, or unknown precision.
    """
    if device not in DEVICES:
        raise ConfigError("unknown device", got=device, expected=" | ".join(DEVICES))
    if precision not in PRECISIONS:
        raise ConfigError("unknown precision", got=precision, expected=" | ".join(PRECISIONS))
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if device == "auto":
        device = next(name for name in ("cuda", "mps", "cpu") if found[name])
    if not found[device]:
        raise ConfigError(
            f"device {device} is not available", expected=[name for name in found if found[name]], fix="use device=auto"
        )
    if threads is not None:
        torch.set_num_threads(threads)
    if device == "cuda":  # float32 means float32: cuDNN would use TF32 for convolutions by default
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision != "float32"
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return Fabric(accelerator=device, devices=1, precision="bf16-mixed" if precision == "bf16" else "32-true")


def precision_of(fabric: Fabric) -> str:
    """Which of `PRECISIONS` a runtime computes in."""
    if "bf16" in str(fabric._precision.precision):
        return "bf16"
    return "tf32" if fabric.device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "float32"
