"""The floor under a piece of work: the convolutions and matrix products in it alone, and what the machine can do."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from tests.benchmarks.measure import timed

CONVOLUTIONS = ("convolution", "convolution_backward")
PRODUCTS = ("mm", "addmm", "bmm", "baddbmm")
BATCHES = (torch.channels_last, torch.contiguous_format)


@dataclass(frozen=True, slots=True)
class Like:
    """A tensor of the same size and layout."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: torch.device

    def make(self) -> Tensor:
        """Random values."""
        empty = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.device)
        return empty.normal_() if empty.is_floating_point() else empty.zero_()


@dataclass(frozen=True)
class Floor:
    """What convolutions and matrix products alone take.

    Attributes:
        seconds: of all of them; each distinct call was timed alone, in the faster layout.
        macs: multiply-adds.
        bytes: read and written, if each tensor were touched once.
        calls: how many.
    """

    seconds: float
    macs: float
    bytes: float
    calls: int


class Recorder(TorchDispatchMode):
    """Counts the convolutions and matrix products of what runs inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[Hashable] = Counter()
        self.what: dict[Hashable, tuple[Callable[..., Any], list[Any], float, float]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if name in CONVOLUTIONS + PRODUCTS:
            like = [_like(a) for a in args]
            key = (name, repr(like))
            if key not in self.what:
                macs = flop_registry[func.overloadpacket](*args, **(kwargs or {}), out_val=out) / 2
                held = [t for t in [*args, *(out if isinstance(out, tuple) else (out,))] if isinstance(t, Tensor)]
                self.what[key] = (func, like, macs, float(sum(t.numel() * t.element_size() for t in held)))
            self.calls[key] += 1
        return out


def _like(value: Any) -> Any:
    if isinstance(value, Tensor):
        return Like(tuple(value.shape), value.stride(), value.dtype, value.device)
    return value


def floor_of(work: Callable[[], Any], runs: int = 5) -> Floor:
    """Runs some work once to see its convolutions and matrix products, and times these alone."""
    with Recorder() as recorder:
        work()
    seconds = macs = total = 0.0
    for key, count in recorder.calls.items():
        func, like, each, held = recorder.what[key]
        seconds += count * _fastest(func, like, runs)
        macs, total = macs + count * each, total + count * held
    return Floor(seconds, macs, total, sum(recorder.calls.values()))


def _fastest(func: Callable[..., Any], like: Sequence[Any], runs: int) -> float:
    """Seconds of a call, in the better layout where images are convolved."""
    found = []
    for layout in BATCHES:
        args = [a.make() if isinstance(a, Like) else a for a in like]
        images = [a for a in args if isinstance(a, Tensor) and a.dim() == 4]
        if images:
            args = [a.contiguous(memory_format=layout) if isinstance(a, Tensor) and a.dim() == 4 else a for a in args]
        device = next(a.device for a in args if isinstance(a, Tensor))
        with torch.no_grad():
            for _ in range(2):
                func(*args)
            found.append(median(timed(lambda a=args: func(*a), device)[0] for _ in range(runs)))
        if not images:
            break
    return min(found)


def peaks(device: torch.device | str = "cpu", runs: int = 5) -> dict[str, float]:
    """What the machine can do at most: multiply-adds a second of a large product, bytes a second of a large copy."""
    a, b = (torch.randn(1024, 1024, device=device) for _ in range(2))
    big = torch.randn(1 << 25, device=device)
    to = torch.empty_like(big)
    for _ in range(2):
        a @ b
        to.copy_(big)
    product = median(timed(lambda: a @ b, device)[0] for _ in range(runs))
    copy = median(timed(lambda: to.copy_(big), device)[0] for _ in range(runs))
    return {"macs_per_second": 1024**3 / product, "bytes_per_second": 2 * 4 * big.numel() / copy}


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the garbage collector, whose pauses belong to nobody."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
