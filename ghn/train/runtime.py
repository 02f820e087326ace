"""The only file that knows devices and precisions; everything else is handed a Lightning `Fabric`.

What several ranks do together stands in `ghn/train/ranks.py`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import TorchElasticEnvironment
from lightning_fabric.strategies import DDPStrategy
from torch import nn

from ghn.errors import ConfigError, check_known
from ghn.train.launch import Launch, launched
from ghn.train.ranks import OneProcess, join
from ghn.types import WeightDict

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "tf32", "bf16")
BYTES = 20  # of a parameter in training: itself, its gradient, two moments and its average, in float32
WIDE = 1e8  # multiply-adds an image from which on a second CPU thread halves the time; at 2e6 it saves a third at best


class Runtime(Fabric):
    """A `Fabric` that knows for how many CPU `threads` it was asked, which is obeyed everywhere, and its `ranks`."""

    threads: int | None = None
    ranks: OneProcess = OneProcess()


class Together(DDPStrategy):
    """Fabric's strategy of distributed data parallel training, whose gradients `Ranks.add_up` adds up.

    PyTorch's wrapper around a module does that too, but takes one forward pass a step, and hangs or stops where a
    weight that was made gets no gradient, as where a user's module does not use all of its own.
    """

    def setup_module(self, module: nn.Module) -> nn.Module:  # type: ignore[override]
        return module


class Unsearched(nn.Module):
    """A module that makes weights, called with a function that gives its argument: Fabric searches lists alone.

    Parameters that are handed out as they are, as those of a bank, leave as views: Fabric hangs a hook on every tensor
    that leaves, each step one more, and on a parameter they would stay.
    """

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, argument: Callable[[], Any]) -> list[WeightDict]:
        made: list[WeightDict] = self.inner(argument())
        return [{name: w.view_as(w) if w.is_leaf else w for name, w in weights.items()} for weights in made]


def make_runtime(
    device: str = "auto", precision: str = "float32", threads: int | None = None, *, rank_timeout: float | None = None
) -> Runtime:
    """Chooses a device, and joins the other ranks where torchrun has started several.

    Args:
        device: `auto` takes CUDA, then MPS, then the CPU.
        precision: `float32` is exact; `tf32` uses CUDA's matrix units for float32; `bf16` is autocast.
        threads: CPU threads of this process, whatever is run; None leaves PyTorch's choice, and scoring its own.
        rank_timeout: seconds that ranks wait for one another; None: this process works for itself.

    Raises:
        ConfigError: unknown or unavailable device, or unknown precision; or more ranks than GPUs.
        RankError: a rank did not join in time.
    """
    check_known("device", device, DEVICES)
    check_known("precision", precision, PRECISIONS)
    launch = launched() if rank_timeout is not None else None
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available() and not launch, "cpu": True}
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
    plugin: Any = "bf16-mixed" if precision == "bf16" else "32-true"
    if launch is None:
        made = Runtime(accelerator=device, devices=1, precision=plugin)
    else:
        assert rank_timeout is not None
        made = _make_ranked(launch, device, plugin, rank_timeout)
    made.threads = threads
    return made


def _make_ranked(launch: Launch, device: str, precision: Any, wait: float) -> Runtime:
    if device == "cuda" and (gpus := torch.cuda.device_count()) < launch.local_ranks:
        raise ConfigError(
            "a rank needs a GPU of its own",
            got=f"{launch.local_ranks} ranks on this machine, GPUs: {gpus}",
            fix=f"torchrun --nproc-per-node={gpus}, or device=cpu",
        )
    ranks = join(launch, "nccl" if device == "cuda" else "gloo", wait)
    strategy = Together(cluster_environment=TorchElasticEnvironment())
    made = Runtime(
        accelerator=device,
        strategy=strategy,
        devices=launch.local_ranks,
        num_nodes=launch.machines,
        precision=precision,
    )
    made.launch()
    made.ranks = ranks
    return made


def check_memory(fabric: Fabric, parameters: int) -> None:
    """Refuses to train so many parameters where the device cannot hold them, before any of it is taken.

    Raises:
        ConfigError: they need more than all of its memory.
    """
    needed, there = parameters * BYTES, _memory(fabric.device)
    if there is not None and needed > there:
        raise ConfigError(
            "what is trained does not fit into memory",
            got=f"{parameters:,} parameters, which take {needed / 2**30:,.0f} GiB to train",
            expected=f"at most {there / 2**30:,.0f} GiB, which {fabric.device} has",
            fix="make it smaller (net.hidden, net.layers, net.rank, net.channels; of SMASH weights.unit)",
        )


def _memory(device: torch.device) -> int | None:
    """Bytes that a device has in all; None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def ranks_of(fabric: Fabric) -> OneProcess:
    """The ranks among which a training is divided.

    Raises:
        ConfigError: a `Fabric` of several processes that `make_runtime` did not make.
    """
    if isinstance(fabric, Runtime):
        return fabric.ranks
    if fabric.world_size > 1:
        raise ConfigError(
            "ranks that ghn does not know",
            got=f"a Fabric of {fabric.world_size} processes",
            fix="make it with ghn.train.runtime.make_runtime(rank_timeout=600), started by torchrun",
        )
    return OneProcess()


def choose_threads(fabric: Fabric, macs: float) -> int:
    """How many CPU threads pay off for running networks of so many multiply-adds an image without gradients.

    PyTorch's threads wait actively: beside other work two of them run small networks three to four times slower than
    one does, and alone hardly faster. An explicit number of `make_runtime` is obeyed.
    """
    if isinstance(fabric, Runtime) and fabric.threads is not None:
        return fabric.threads
    return 1 if fabric.device.type == "cpu" and macs < WIDE else torch.get_num_threads()


@contextmanager
def cpu_threads(number: int) -> Iterator[None]:
    """Computes with so many CPU threads, and restores what it found, whatever happens."""
    found = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(found)


def precision_of(fabric: Fabric) -> str:
    """Which of `PRECISIONS` a runtime computes in."""
    if "bf16" in str(fabric._precision.precision):
        return "bf16"
    return "tf32" if fabric.device.type == "cuda" and torch.backends.cudnn.allow_tf32 else "float32"
