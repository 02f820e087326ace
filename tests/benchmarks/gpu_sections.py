"""What `gpu_check` runs: each section gives its figures as they come."""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import cache
from math import inf
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

import numpy as np
import pytest
import torch

import ghn
from ghn.analysis.correlation import kendall
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.spaces import DARTS, NASBench201
from ghn.tasks import ImageTask, from_arrays, make_task
from ghn.train.runtime import PRECISIONS, make_runtime
from ghn.types import Network, Trial
from tests.benchmarks import training, weights
from tests.benchmarks.floor import floor_of, generation_floor, peaks, scoring_floor
from tests.benchmarks.gpu_check import Context, Section
from tests.benchmarks.measure import Figure, machine, timed

ROOT = Path(__file__).parents[2]
AIM = 1500.0  # networks a second on a data-centre GPU
SIDES = {16: (1000, 8), 32: (256, 4)}  # of images -> networks that are scored, and in a quick run
TOLERANCES = {"float32": 1e-3, "tf32": 2e-2, "bf16": 2e-1}  # of a loss in nats


def precisions(c: Context) -> tuple[str, ...]:
    """Those that differ on a device."""
    return PRECISIONS if c.device == "cuda" else ("float32", "bf16")


@cache
def shipped(device: str, precision: str) -> Model:
    """The shipped hypernetwork."""
    return ghn.load(fabric=make_runtime(device, precision, 1 if device == "cpu" else None))


@cache
def images(side: int) -> ImageTask:
    """The embedded images (16x16), or noise of another size."""
    if side == 16:
        task = make_task("cifar10_embedded")
    else:
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (2048, 3, side, side), dtype=np.uint8)
        task = from_arrays("noise", (pixels, np.arange(2048) % 10), val_share=0.3)
    assert isinstance(task, ImageTask)
    return task


def trials(n: int) -> list[Trial[Any]]:
    """Distinct cells of NAS-Bench-201."""
    space = shipped("cpu", "float32").space
    assert isinstance(space, NASBench201)
    return [Trial(str(i), arch) for i, arch in enumerate(Random(0).sample(space.distinct(), n))]


def engine_of(c: Context, precision: str, side: int) -> WeightedEstimator:
    """Scoring by loss with the shipped hypernetwork: as it was trained, or wider and on larger images."""
    model = shipped(c.device, precision)
    make_runtime(c.device, precision)  # CUDA's switch for TF32 is the process's: the last runtime has set it
    sample = Sample(val=c.size(512, 64))
    if side == 16:
        return model.estimator("loss", task=images(16), sample=sample, skeletons="fastest")
    space = NASBench201((3, side, side), 10, width=16, depth=1)
    return WeightedEstimator(model.net, space, images(side), model.fabric, sample=sample)


# --- sections ---


def machine_and_peaks(c: Context) -> Iterator[Figure]:
    """What the device is, and what it can do at most."""
    about = machine(c.device)
    note = f"{about['gpu'] or about['processor']}, torch {torch.__version__}"
    if c.device == "cuda":
        known = torch.cuda.get_device_properties(0)
        note += (
            f", CUDA {torch.version.cuda}, cuDNN {torch.backends.cudnn.version()}, compute {known.major}.{known.minor}"
        )
        yield Figure.of("memory of the device", "GiB", [known.total_memory / 2**30], note=note)
    found = peaks(c.device, c.size(5, 1))
    yield Figure.of("copies", "GB/s", [found["bytes_per_second"] / 1e9], note=note)
    side = c.size(8192, 256) if c.device == "cuda" else 256
    for precision in precisions(c):
        make_runtime(c.device, precision)
        kind = torch.bfloat16 if precision == "bf16" else torch.float32
        a, b = (torch.randn(side, side, device=c.device, dtype=kind) for _ in range(2))
        a @ b
        seconds = [timed(lambda a=a, b=b: a @ b, c.device)[0] for _ in range(3)]
        rates = [side**3 / one / 1e12 for one in seconds]
        yield Figure.of(f"matrix products, {precision}", "10^12 multiply-adds/s", rates, note=f"{side} x {side}")


def agreement(c: Context) -> Iterator[Figure]:
    """Scores of 16 networks beside those of the CPU."""
    some = trials(c.size(16, 10))
    on_cpu = Context("cpu", c.quick, c.until)
    expected = _values(engine_of(on_cpu, "float32", 16), some)
    for precision in precisions(c):
        found = _values(engine_of(c, precision, 16), some)
        apart = float(np.abs(np.array(found) - np.array(expected)).max())
        note = f"{len(some)} networks, loss in nats"
        name = f"largest difference of a score from the CPU's, {precision}"
        yield Figure.of(name, "nats", [apart], target=TOLERANCES[precision], note=note)
        yield Figure.of(
            f"Kendall's tau with the CPU's order, {precision}", "", [kendall(found, expected) or 0.0], note=note
        )


def _values(engine: WeightedEstimator, some: list[Trial[Any]]) -> list[float]:
    scores = engine.score(some)
    if broken := [score.error for score in scores if score.error]:
        raise RuntimeError(f"{len(broken)} of {len(scores)} failed, such as: {broken[0]}")
    return [score.value for score in scores]


def scoring(c: Context) -> Iterator[Figure]:
    """Networks a second, and memory."""
    for side, sizes in SIDES.items():
        some = trials(n := c.size(*sizes))
        for precision in precisions(c):
            engine = engine_of(c, precision, side)
            _values(engine, some[:64])  # kernels are chosen, features made
            if c.device == "cuda":
                torch.cuda.reset_peak_memory_stats()
            seconds, _ = timed(lambda engine=engine, some=some: _values(engine, some), c.device)
            note = f"{n} networks, {engine.sample.val} images of {side}x{side}, C={8 if side == 16 else 16}, N=1"
            target = AIM if c.device == "cuda" and side == 16 and not c.quick else None
            name = f"scoring, {side}x{side}, {precision}"
            yield Figure.of(name, "networks/s", [n / seconds], target=target, at_least=True, note=note)
            if c.device == "cuda":
                most = torch.cuda.max_memory_allocated() / 2**20
                yield Figure.of(f"{name}: memory of the device", "MiB", [most], note=note)


@torch.no_grad()
def waiting(c: Context) -> Iterator[Figure]:
    """How often the CPU waits for the device."""
    if c.device != "cuda":
        return
    engine, some = engine_of(c, "float32", 16), trials(64)
    networks, made = _generated(engine, some)
    run = lambda: [engine.readout(network, own) for network, own in zip(networks, made, strict=True)]  # noqa: E731
    run()
    for name, work, most in (
        ("between 64 candidates that run", run, 0.0),
        ("while 64 are scored, features and weights included", lambda: engine.score(some), None),
    ):
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                work()
            finally:
                torch.cuda.set_sync_debug_mode("default")
        where = sorted({f"{Path(w.filename).name}:{w.lineno}" for w in seen})
        yield Figure.of(f"waits for the device {name}", "", [float(len(seen))], target=most, note=", ".join(where[:20]))


def _generated(engine: WeightedEstimator, some: list[Trial[Any]]) -> tuple[list[Network], list[dict[str, Any]]]:
    networks = [space.network(trial.arch).live() for trial in some for space in engine.spaces[:1]]
    with torch.no_grad():
        return networks, list(engine.weights([network.graph for network in networks]))


def generation(c: Context) -> Iterator[Figure]:
    """Weights alone, features included, by encoder."""
    yield from weights.generated_weights(c.size(3, 1), c.size(64, 4), torch.device(c.device))


@torch.no_grad()
def floors(c: Context) -> Iterator[Figure]:
    """The time of candidates over that of their convolutions and products, each timed alone."""
    model, n, runs = shipped(c.device, "float32"), c.size(16, 2), c.size(3, 1)
    make_runtime(c.device, "float32")
    yield from scoring_floor(model, 1, c.size(512, 64), n, runs)
    yield from generation_floor(model, 1, n, runs)
    engine = engine_of(c, "float32", 32)
    networks, made = _generated(engine, trials(n))
    run = lambda: [engine.readout(network, own) for network, own in zip(networks, made, strict=True)]  # noqa: E731
    run()
    whole, floor = median(timed(run, c.device)[0] for _ in range(runs)), floor_of(run, runs)
    work = f"{floor.macs / 1e9:.3g} 10^9 multiply-adds, {floor.bytes / 1e9:.3g} GB"
    note = f"{n} networks, {floor.calls} calls, {work}"
    yield Figure.of("scoring over its floor, 32x32", "times", [whole / floor.seconds], note=note)


def train(c: Context) -> Iterator[Figure]:
    """Steps of training, split into parts, at both sizes of images."""
    if c.quick:  # one space, one precision
        yield from _steps(c, 16, "float32", 1)
        return
    for precision in ("float32", "bf16"):
        for figure in training.training_step(2, 3, c.device, precision):
            yield Figure.of(f"{figure.name}, {precision}", figure.unit, list(figure.runs), note=figure.note)
    yield from _steps(c, 32, "float32", 3)


def _steps(c: Context, side: int, precision: str, steps: int) -> Iterator[Figure]:
    space = NASBench201((3, side, side), 10, width=16, depth=1)
    with tempfile.TemporaryDirectory() as folder:
        one = training.Training(space, images(side), 3, (c.device, precision), Path(folder))
        one.loop.advance()
        for _ in range(c.size(2, 1)):
            one.run(steps)
        yield from one.figures(
            f"GHN training, {side}x{side}, {precision}", f"8 architectures x 32 images, C=16, {steps} steps"
        )


def short_training(c: Context) -> Iterator[Figure]:
    """That the loss goes down: in NAS-Bench-201, and a few steps in DARTS."""
    for space, kernel, steps in (
        (NASBench201((3, 16, 16), 10, width=8, depth=1), 3, c.size(100, 2)),
        (DARTS((3, 16, 16), 10, width=8, depth=5), 5, c.size(10, 1)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            one = training.Training(space, images(16), kernel, (c.device, "float32"), Path(folder))
            losses = [one.loop.advance().mean() for _ in range(steps)]
            found = torch.stack(losses).tolist()
        part = max(1, steps // 10)
        first, last = float(np.mean(found[:part])), float(np.mean(found[-part:]))
        note = f"{steps} steps; the first {part} of them {first:.3f}"
        target = first if steps >= 100 else None
        yield Figure.of(f"loss after a short training, {space.name}", "nats", [last], target=target, note=note)


# --- the tests ---


class Watch:
    """Counts what becomes of tests, and begins none when the time is up."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.outcomes: dict[str, str] = {}
        self.broken: dict[str, str] = {}
        self.collected = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.collected = len(session.items)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if self.context.left() < 3:
            pytest.exit("no time is left for more tests", returncode=0)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome
        if report.failed:
            self.broken[report.nodeid] = report.longreprtext[-3000:]


def gpu_tests() -> list[Path]:
    """The files with tests that need a GPU."""
    return sorted(p for p in (ROOT / "tests").rglob("test_*.py") if "pytest.mark.gpu" in p.read_text(encoding="utf-8"))


def marked_tests(c: Context) -> Iterator[Figure]:
    """The tests that need a GPU, in this process; without one they skip by themselves."""
    watch = Watch(c)
    files = [str(p) for p in gpu_tests() if p.name != "test_gpu_check.py"]
    pytest.main(["-m", "gpu", "-q", "-p", "no:cacheprovider", "--tb=short", f"--rootdir={ROOT}", *files], [watch])
    for outcome, n in sorted(Counter(watch.outcomes.values()).items()):
        yield Figure.of(f"tests {outcome}", "", [float(n)], target=0.0 if outcome == "failed" else None)
    left = float(watch.collected - len(watch.outcomes))
    yield Figure.of("tests for which no time was left", "", [left], target=0.0)
    if not watch.collected:
        raise RuntimeError("no test was found")
    if watch.broken:
        raise AssertionError("\n".join(f"{name}\n{text}" for name, text in watch.broken.items()))


SECTIONS: dict[str, tuple[Section, float]] = {  # with the most seconds of each
    "machine": (machine_and_peaks, 15.0),
    "agreement": (agreement, 20.0),
    "scoring": (scoring, 40.0),
    "waiting": (waiting, 10.0),
    "generation": (generation, 15.0),
    "floors": (floors, 15.0),
    "training": (train, 25.0),
    "short training": (short_training, 20.0),
    "tests": (marked_tests, inf),
}
