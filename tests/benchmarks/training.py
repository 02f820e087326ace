"""A step of training a hypernetwork, split into its parts."""

from __future__ import annotations

import tempfile
from dataclasses import replace

import torch

from ghn.graph.interpreter import Interpreter
from ghn.nets import GHN, GHNConfig
from ghn.spaces import NASBench201
from ghn.tasks import make_task
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import make_runtime
from tests.benchmarks.measure import Figure, Stopwatch, timed

PARTS = ("lowering and features", "encoder", "decoder", "candidates forward", "backward", "the rest")


def training_step(runs: int, steps: int, device: str, precision: str) -> list[Figure]:
    """Seconds a step with the settings of the shipped checkpoint: 8 architectures, 32 images each."""
    task = make_task("cifar10_embedded")
    space = NASBench201((task.channels, *task.image_size), task.classes, width=8, depth=1)
    torch.manual_seed(0)
    net = GHN(GHNConfig(classes=task.classes, channels=32, layers=4, decoder_hidden=128))
    config = replace(MetaConfig(), steps=10_000, warmup=10)
    parts: dict[str, list[float]] = {name: [] for name in PARTS}
    totals = []
    with tempfile.TemporaryDirectory() as folder:
        fabric = make_runtime(device, precision)
        step, where = MetaStep(net, space, task, config, fabric), fabric.device
        trainer = Loop(step, config, fabric, folder)
        for _ in range(3):
            trainer.advance()
        for _ in range(runs):
            watch = Stopwatch(where)
            with watch.watching(
                (step, "network", PARTS[0]),
                (net.featurizer, "batch", PARTS[0]),
                (net, "encode", PARTS[1]),
                (net, "decode", PARTS[2]),
                (Interpreter, "run", PARTS[3]),
                (fabric, "backward", PARTS[4]),
            ):
                total, _ = timed(lambda: [trainer.advance() for _ in range(steps)], where)
            watch.total[PARTS[5]] = total - sum(watch.total.values())
            totals.append(total / steps)
            for name in PARTS:
                parts[name].append(watch.total[name] / steps)
    note = f"8 architectures x 32 images of {task.image_size[0]}x{task.image_size[1]}, C=8, N=1; {steps} steps a run"
    return [
        Figure.of("GHN training", "s/step", totals, note=note),
        *(Figure.of(f"GHN training: {name}", "s/step", times, note=note) for name, times in parts.items()),
    ]
