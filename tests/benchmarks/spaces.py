"""A space from a function: what its networks cost beside what they do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from ghn.graph.interpreter import Interpreter
from ghn.nets import GHN, GHNConfig
from ghn.nets.vocabulary import grown_for
from ghn.spaces import FunctionSpace
from ghn.tasks import make_task
from ghn.train.loop import Loop
from ghn.train.meta import ArchitectureSampler, MetaConfig, MetaStep
from ghn.train.runtime import make_runtime
from tests.benchmarks.measure import Figure, Stopwatch, timed

CAPTURES = 20
WORK = ("candidates forward", "hypernetwork", "backward of both")
PARTS = (*WORK, "drawing, capture and lowering", "features", "the rest")


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, width: int, kernel: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.a, self.b = block(width, width, kernel, 1, act), block(width, width, kernel, 1, act)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.b(self.a(x))
        return x + y


def block(before: int, width: int, kernel: int, stride: int, act: type[nn.Module]) -> nn.Sequential:
    """A convolution, a normalisation, an activation."""
    conv = nn.Conv2d(before, width, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), act())


def build(choose: Any) -> nn.Module:
    """A small residual network of three stages; about 11,000 members."""
    width = choose("width", [8, 12, 16])
    act = {"relu": nn.ReLU, "gelu": nn.GELU}[choose("act", ["relu", "gelu"])]
    layers: list[nn.Module] = [block(choose.input_shape[0], width, 3, 1, act)]
    for stage in range(3):
        depth = choose.int(f"depth{stage}", 1, 2)
        layers += [Residual(width, choose(f"kernel{stage}{i}", [1, 3, 5]), act) for i in range(depth)]
        if stage < 2:
            layers.append(block(width, 2 * width, 3, 2, act))
            width *= 2
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, choose.classes))


def function_space(runs: int, steps: int, device: str, precision: str) -> list[Figure]:
    """Seconds a capture, and where a step of training goes, nearly all of whose networks are met for the first time."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a worker may write yet
        before = os.environ.get("GHN_CACHE")
        os.environ["GHN_CACHE"] = folder  # nothing was captured before
        try:
            return [*_captures(runs), *_steps(runs, steps, device, precision, Path(folder) / "run")]
        finally:
            os.environ.pop("GHN_CACHE")
            os.environ |= {} if before is None else {"GHN_CACHE": before}


def _captures(runs: int) -> list[Figure]:
    space, rng = _space(), Random("captures")
    space.network(space.sample(rng))  # what is imported at first
    seconds = []
    for _ in range(runs):
        archs = [space.sample(rng) for _ in range(CAPTURES)]
        total, _ = timed(lambda archs=archs: [space.network(arch) for arch in archs])
        seconds.append(total / CAPTURES)
    note = "a build, a recording, a check and a file each; the choices are known"
    return [Figure.of("FunctionSpace: a network met for the first time", "s/network", seconds, note=note)]


def _steps(runs: int, steps: int, device: str, precision: str, folder: Path) -> list[Figure]:
    task, space = make_task("cifar10_embedded"), _space()
    torch.manual_seed(0)
    net = GHN(grown_for(GHNConfig(classes=10, channels=32, layers=4, decoder_hidden=128), space))
    fabric = make_runtime(device, precision)
    step = MetaStep(net, space, task, MetaConfig(steps=10_000, warmup=10), fabric)
    loop = Loop(step, step.config, fabric, folder)
    shares: dict[str, list[float]] = {name: [] for name in PARTS}
    totals = []
    for _ in range(3):
        loop.advance()
    for _ in range(runs):
        watch = Stopwatch(fabric.device)
        with watch.watching(
            (Interpreter, "run", PARTS[0]),
            (net, "encode", PARTS[1]),
            (net, "decode", PARTS[1]),
            (fabric, "backward", PARTS[2]),
            (step, "look_ahead", PARTS[3]),
            (ArchitectureSampler, "__call__", PARTS[3]),
            (step, "network", PARTS[3]),
            (net.featurizer, "batch", PARTS[4]),
        ):
            total, _ = timed(lambda: [loop.advance() for _ in range(steps)], fabric.device)
        watch.total[PARTS[5]] = total - sum(watch.total.values())
        totals.append(total / steps)
        for name in PARTS:
            shares[name].append(watch.total[name] / total)
    outside = [1 - sum(shares[name][k] for name in WORK) for k in range(runs)]
    note = f"8 architectures x 32 images of 16x16; {steps} steps a run; captured in another process"
    return [
        Figure.of("FunctionSpace: training", "s/step", totals, note=note),
        Figure.of(
            "FunctionSpace: share outside candidates and hypernetwork", "of a step", outside, target=0.15, note=note
        ),
        *(Figure.of(f"FunctionSpace: share of {name}", "of a step", own, note=note) for name, own in shares.items()),
    ]


def _space() -> FunctionSpace:
    return FunctionSpace(build, (3, 16, 16), 10)
