"""How long a network takes on this machine: measured, and kept by canonical hash."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ghn.errors import ConfigError, GraphError, check_counts
from ghn.files import JsonLines
from ghn.graph.canonical import canonical_hash
from ghn.nets.initial import RandomInit
from ghn.spaces.members import live_network
from ghn.tasks.inputs import map_inputs
from ghn.train.runtime import cpu_threads
from ghn.types import Inputs, Network, Space

SCHEMA = "ghn.latency/1"


@dataclass(frozen=True, slots=True)
class Timing:
    """Milliseconds of one forward pass of a batch: the median over passes, and the quartiles around it."""

    median: float
    low: float
    high: float


class Latency:
    """Measures the forward pass of networks, each once: isomorphic ones share a timing.

    What is timed is the live part with random weights and running statistics, as it would be deployed, without
    gradients: some passes to warm up, then the median of several, each waited for. A busy machine is slower: what else
    runs, such as the trainings of a search in several processes, is in the timing.

    Args:
        space: of the architectures; None: networks alone are measured.
        device: where networks run, such as `cpu` or `cuda`.
        batch: items a pass.
        inputs: of one pass, in place of `batch` random images or vectors; needed where a network reads anything else.
        warmup: passes that are not counted.
        repeats: passes that are.
        threads: of the CPU.
        path: of a JSON-lines file of timings, which is gone on with; None keeps them in memory.

    Raises:
        ConfigError: a number below 1, or a device that is not there.
        DataError: the file is damaged, or of another machine or other settings.
    """

    def __init__(
        self,
        space: Space[Any] | None = None,
        *,
        device: torch.device | str = "cpu",
        batch: int = 1,
        inputs: Inputs | None = None,
        warmup: int = 3,
        repeats: int = 20,
        threads: int = 1,
        path: Path | str | None = None,
    ) -> None:
        check_counts("latency: ", batch=batch, warmup=warmup, repeats=repeats, threads=threads)
        self.space, self.device, self.threads = space, _device(device), threads
        self.batch, self.warmup, self.repeats = batch, warmup, repeats
        self._inputs = None if inputs is None else map_inputs(lambda x: x.to(self.device), inputs)
        self.timings: dict[str, Timing] = {}  # by canonical hash
        self._lines = None if path is None else JsonLines(path, SCHEMA, self.identity, "latencies", shared=True)
        for number, row in self._lines.rows if self._lines else ():
            assert self._lines is not None
            with self._lines.reading(number, "a latency"):
                self.timings[row["hash"]] = Timing(*(float(row[name]) for name in Timing.__slots__))

    @property
    def identity(self) -> dict[str, Any]:
        """What a timing depends on beside the network, JSON-able."""
        shapes: list[list[int]] = []
        if self._inputs is not None:
            map_inputs(lambda x: shapes.append(list(x.shape)), self._inputs)
        numbers = {"batch": self.batch, "warmup": self.warmup, "repeats": self.repeats, "threads": self.threads}
        return {"device": _name(self.device), "torch": torch.__version__, "inputs": shapes, **numbers}

    def __call__(self, arch: Any) -> float:
        """Milliseconds of one pass of an architecture, its official string, or a network.

        Raises:
            ArchitectureError: no member of the space.
            GraphError: it cannot be run.
        """
        return self.measure(arch).median

    def measure(self, arch: Any) -> Timing:
        """The same, with its quartiles."""
        network = self._network(arch)
        key = canonical_hash(network.graph)
        if key not in self.timings:
            self.timings[key] = timing = self._timed(network)
            if self._lines is not None:
                self._lines.append({"hash": key, **asdict(timing)})
        return self.timings[key]

    def _network(self, arch: Any) -> Network:
        if isinstance(arch, Network):
            return arch.live()
        if self.space is None:
            fix = "latency(arch, space)"
            raise ConfigError("an architecture is measured in its space, and none was given", got=arch, fix=fix)
        return live_network(self.space, arch)

    def _timed(self, network: Network) -> Timing:
        """Runs a network often enough."""
        program = network.program.with_stats()
        (weights,) = RandomInit(device=self.device)([network.graph])
        weights = network.complete(weights) | program.new_stats(self.device)
        weights = {name: weight.to(self.device) for name, weight in weights.items()}
        x = self._random(network) if self._inputs is None else self._inputs

        def once() -> None:
            program.run(weights, x)

        try:
            with torch.inference_mode(), cpu_threads(self.threads):
                for _ in range(self.warmup):
                    once()
                found = [_seconds(once, self.device) * 1000 for _ in range(self.repeats)]
        except (RuntimeError, TypeError, KeyError) as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise GraphError(
                "a network cannot be timed",
                got=f"{type(error).__name__}: {error}",
                fix="give inputs=..., a batch of what it reads, where that is no image or vector",
            ) from error
        low, median, high = (float(q) for q in np.quantile(found, (0.25, 0.5, 0.75)))
        return Timing(median, low, high)

    def _random(self, network: Network) -> Tensor:
        """A batch of random images or vectors; the same for every network of one input."""
        generator = torch.Generator().manual_seed(0)
        return torch.randn(self.batch, *network.graph.input_shape, generator=generator).to(self.device)


def latency(arch: Any, space: Space[Any] | None = None, **options: Any) -> float:
    """Milliseconds that a network takes for one forward pass on this machine: the median of several, one CPU thread.

    Args:
        arch: a member of the space or its official string, or a `Network`.
        space: of the architecture.
        **options: of `Latency`, such as `batch=32`, `device="cuda"` or `repeats=100`.
    """
    return Latency(space, **options)(arch)


def _seconds(run: Callable[[], None], device: torch.device) -> float:
    started = time.perf_counter()
    run()
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
    return time.perf_counter() - started


def _device(device: torch.device | str) -> torch.device:
    try:
        found = torch.device(device)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError("latency cannot be measured on this device", got=str(device), expected=str(error)) from None
    return found


def _name(device: torch.device) -> str:
    """The device in words, such as `cuda NVIDIA H200` or `cpu x86_64`."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.processor() or platform.machine()}"
