"""Measuring: medians of several runs, stopwatches on methods, and what the figures were measured on."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        name: what was measured.
        value: the median of `runs`.
        unit: of the value.
        runs: every run.
        target: what it should be.
        at_least: whether the target is a lower bound; an upper one otherwise.
        note: how it was measured.
    """

    name: str
    value: float
    unit: str
    runs: tuple[float, ...]
    target: float | None = None
    at_least: bool = False
    note: str = ""

    @classmethod
    def of(cls, name: str, unit: str, runs: list[float], **more: Any) -> Figure:
        """The median of some runs."""
        return cls(name, median(runs), unit, tuple(runs), **more)

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without a target."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict."""
        return {**asdict(self), "runs": list(self.runs), "met": self.met}


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
clock = (
    "wall"  # or `cpu`: processor time, which other programs on the same cores do not stretch; use it with one thread
)


def now() -> float:
    """Seconds on the clock."""
    return CLOCKS[clock]()


def timed(work: Callable[[], Any], device: torch.device | str = "cpu") -> tuple[float, Any]:
    """Seconds that a call takes, and its result."""
    synchronise(device)
    start = now()
    result = work()
    synchronise(device)
    return now() - start, result


def synchronise(device: torch.device | str) -> None:
    """Waits for a GPU, so that its work is counted where it belongs."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Adds up the time spent in calls of chosen functions; of nested ones, each minute is counted once, innermost."""

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = device
        self.total: dict[str, float] = defaultdict(float)
        self._inner: list[float] = []  # time spent in watched calls, a level of nesting each

    @contextmanager
    def watching(self, *what: tuple[Any, str, str]) -> Iterator[Stopwatch]:
        """Watches functions, each given as (owner, attribute, title), while inside."""
        originals = [(owner, name, getattr(owner, name)) for owner, name, _ in what]
        for (owner, name, function), (_, _, title) in zip(originals, what, strict=True):
            setattr(owner, name, self._watched(function, title))
        try:
            yield self
        finally:
            for owner, name, function in originals:
                setattr(owner, name, function)

    def _watched(self, function: Callable[..., Any], title: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            synchronise(self.device)
            self._inner.append(0.0)
            start = now()
            try:
                return function(*args, **kwargs)
            finally:
                synchronise(self.device)
                spent = now() - start
                self.total[title] += spent - self._inner.pop()
                if self._inner:
                    self._inner[-1] += spent

        return call


def resident() -> float:
    """Memory of this process, in MiB."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError):  # not Linux: the peak is the best there is
        return peak()


def peak() -> float:
    """The most memory that this process has had, in MiB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 2**10)  # bytes on macOS, KiB elsewhere


def machine(device: torch.device | str) -> dict[str, Any]:
    """What the figures were measured on."""
    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        models = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        name = models[0].split(":", 1)[1].strip() if models else name
    return {
        "processor": name,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "clock": clock,
        "load_average": round(os.getloadavg()[0], 2),
        "device": str(device),
        "gpu": torch.cuda.get_device_name(device) if torch.device(device).type == "cuda" else None,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("ghn", "torch", "torch-geometric", "numpy")},
    }
