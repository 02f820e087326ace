"""The floor under a piece of work: the convolutions and matrix products in it alone, and what the machine can do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from ghn.graph.interpreter import Interpreter
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.tasks import make_task
from ghn.types import Trial, network_of
from tests.benchmarks.measure import Figure, timed
from tests.benchmarks.training import Training, pair_of_trainings

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


def scoring_floor(model: Model, depth: int, images: int, candidates: int, runs: int) -> list[Figure]:
    """Scoring by loss beside the convolutions and products that the networks are made of, each on its own."""
    sample = Sample(val=images, batch=images)
    engine = model.estimator("loss", task=make_task("cifar10_embedded"), sample=sample, skeletons=[{"depth": depth}])
    archs = Random(0).sample(model.space.distinct(), candidates)
    trials = [Trial(str(i), arch) for i, arch in enumerate(archs)]
    engine.score(trials[:4])
    with _node_by_node():
        floor = floor_of(lambda: engine.score(trials))
    times = [timed(lambda: engine.score(trials), model.fabric.device)[0] for _ in range(runs)]
    name = f"scoring by loss, {depth} cells a stage, {images} images"
    return _figures(name, "network", times, floor, candidates, f"C=8, {candidates} distinct networks", 2.0)


def generation_floor(model: Model, depth: int, candidates: int, runs: int) -> list[Figure]:
    """Graphs, features and weights beside the matrix products in them; networks are not run."""
    engine = model.estimator("loss", task=make_task("cifar10_embedded"), skeletons=[{"depth": depth}])
    archs, space = Random(0).sample(model.space.distinct(), candidates), engine.spaces[0]

    @torch.no_grad()
    def work() -> None:
        model.net([network_of(space, arch).live().graph for arch in archs])

    work()
    floor = floor_of(work)
    times = [timed(work, model.fabric.device)[0] for _ in range(runs)]
    name = f"generation of weights, {depth} cells a stage"
    return _figures(name, "network", times, floor, candidates, f"C=8, {candidates} distinct networks", None)


def training_floor(training: Training, name: str, runs: int, steps: int) -> list[Figure]:
    """Steps of training beside their convolutions and products, with the gradients of these."""
    floor = floor_of(training.loop.advance)
    times = [timed(lambda: [training.loop.advance() for _ in range(steps)])[0] for _ in range(runs)]
    each = [seconds / steps for seconds in times]
    return _figures(f"training, {name}", "step", each, floor, 1, "8 architectures x 32 images, C=8", None)


@contextmanager
def _node_by_node() -> Iterator[None]:
    """Networks run as they are, without joined convolutions: their shapes are the floor's."""
    held = Interpreter._plan
    Interpreter._plan = lambda self, *_: self._plain  # type: ignore[method-assign]
    try:
        yield
    finally:
        Interpreter._plan = held  # type: ignore[method-assign]


def _figures(
    name: str, unit: str, times: list[float], floor: Floor, n: int, note: str, target: float | None
) -> list[Figure]:
    seconds = [time / n for time in times]
    alone = floor.seconds / n
    return [
        Figure.of(name, f"s/{unit}", seconds, note=note),
        Figure.of(f"{name}: convolutions and products alone", f"s/{unit}", [alone], note=f"{floor.calls} calls in all"),
        Figure.of(f"{name}: multiply-adds", f"M/{unit}", [floor.macs / n / 1e6], note=note),
        Figure.of(f"{name}: bytes of these", f"MB/{unit}", [floor.bytes / n / 1e6], note="each tensor touched once"),
        Figure.of(
            f"{name}: of the convolutions' time", "times", [s / alone for s in seconds], target=target, note=note
        ),
    ]


def floors(model: Model, runs: int, quick: bool, device: torch.device) -> list[Figure]:
    """All of them, and what the machine can do at most."""
    top, n = peaks(device, runs), 4 if quick else 24
    out = [
        Figure.of("machine: multiply-adds of a product 1024x1024x1024", "G/s", [top["macs_per_second"] / 1e9]),
        Figure.of("machine: bytes of a large copy", "GB/s", [top["bytes_per_second"] / 1e9]),
        *scoring_floor(model, 1, 512, n, runs),
        *scoring_floor(model, 5, 256, max(2, n // 2), runs),
        *generation_floor(model, 1, 2 * n, runs),
        *generation_floor(model, 5, 2 * n, runs),
    ]
    with pair_of_trainings(device.type, "float32") as trainings:
        for training, name in zip(trainings, ("NAS-Bench-201", "DARTS"), strict=True):
            out += training_floor(training, name, runs, 1 if quick else 4)
    return out
