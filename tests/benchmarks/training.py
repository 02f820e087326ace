"""A step of training a hypernetwork, split into its parts, in two spaces that are timed by turns."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ghn.graph.interpreter import Interpreter
from ghn.nets import GHN, GHNConfig
from ghn.nets.vocabulary import grown_for
from ghn.spaces import DARTS, NASBench201
from ghn.tasks import ImageTask, make_task
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import make_runtime
from ghn.types import Space
from tests.benchmarks.measure import Figure, Stopwatch, timed

PARTS = ("lowering and features", "encoder", "decoder", "candidates forward", "backward", "the rest")


class Training:
    """A hypernetwork of the shipped checkpoint's size in training: 8 architectures a step, 32 images each."""

    def __init__(self, space: Space[Any], task: ImageTask, kernel: int, where: tuple[str, str], folder: Path) -> None:
        torch.manual_seed(0)
        config = GHNConfig(classes=task.classes, channels=32, layers=4, decoder_hidden=128, kernel=kernel)
        self.net = GHN(grown_for(config, space))
        how = replace(MetaConfig(), steps=10_000, warmup=10)
        self.step = MetaStep(self.net, space, task, how, make_runtime(*where))
        self.loop = Loop(self.step, how, self.step.descent.fabric, folder)
        self.totals: list[float] = []
        self.parts: dict[str, list[float]] = {name: [] for name in PARTS}

    def run(self, steps: int) -> None:
        """Takes and times steps."""
        fabric = self.step.descent.fabric
        watch = Stopwatch(fabric.device)
        with watch.watching(
            (self.step, "network", PARTS[0]),
            (self.net.featurizer, "batch", PARTS[0]),
            (self.net, "encode", PARTS[1]),
            (self.net, "decode", PARTS[2]),
            (Interpreter, "run", PARTS[3]),
            (fabric, "backward", PARTS[4]),
        ):
            total, _ = timed(lambda: [self.loop.advance() for _ in range(steps)], fabric.device)
        watch.total[PARTS[5]] = total - sum(watch.total.values())
        self.totals.append(total / steps)
        for name in PARTS:
            self.parts[name].append(watch.total[name] / steps)

    def figures(self, name: str, note: str) -> list[Figure]:
        """Seconds a step, in all and by part."""
        parts = (Figure.of(f"{name}: {part}", "s/step", times, note=note) for part, times in self.parts.items())
        return [Figure.of(name, "s/step", self.totals, note=note), *parts]


@contextmanager
def pair_of_trainings(device: str, precision: str) -> Iterator[tuple[Training, Training]]:
    """A training in NAS-Bench-201 (C=8, one cell a stage) and one in DARTS (C=8, five cells), some steps on."""
    task = make_task("cifar10_embedded")
    assert isinstance(task, ImageTask)
    shape = (task.channels, *task.image_size)
    spaces: list[tuple[Space[Any], int]] = [
        (NASBench201(shape, task.classes, width=8, depth=1), 3),
        (DARTS(shape, task.classes, width=8, depth=5), 5),
    ]
    with tempfile.TemporaryDirectory() as folder:
        one, other = (
            Training(space, task, kernel, (device, precision), Path(folder) / space.name) for space, kernel in spaces
        )
        for training in (one, other):
            for _ in range(3):
                training.loop.advance()
        yield one, other


def training_step(runs: int, steps: int, device: str, precision: str) -> list[Figure]:
    """Seconds a step in NAS-Bench-201 (C=8, one cell a stage) and in DARTS (C=8, five cells), and their ratio."""
    with pair_of_trainings(device, precision) as (one, other):
        for _ in range(runs):
            one.run(steps)
            other.run(steps)
    note = f"8 architectures x 32 images of 16x16, C=8; {steps} steps a run, by turns"
    ratios = [b / a for a, b in zip(one.totals, other.totals, strict=True)]
    return [
        *one.figures("GHN training", note),
        *other.figures("GHN training in DARTS", note),
        Figure.of("GHN training: a step in DARTS", "of one in NAS-Bench-201", ratios, note=note),
    ]
