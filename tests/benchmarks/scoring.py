"""Scoring candidates with a checkpoint."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import ghn
from ghn.errors import GhnError
from ghn.graph.features import Featurizer
from ghn.nets import GHN, GHNConfig
from ghn.scoring.model import Model
from ghn.spaces import NASBench201
from ghn.tasks import make_task
from ghn.train.runtime import make_runtime
from ghn.types import Trial
from tests.benchmarks.measure import Figure, Stopwatch, peak, resident, timed

TARGETS: dict[str, tuple[float, float | None]] = {"loss": (12.0, 0.2), "ridge": (3.0, None)}  # rate and share


def load(checkpoint: Path | None, device: str, precision: str, threads: int) -> tuple[Model, str]:
    """The checkpoint, or an untrained network of its size, and a word on which it is."""
    runtime = make_runtime(device, precision, threads)
    try:
        return ghn.load(checkpoint, fabric=runtime), str(checkpoint or "the shipped checkpoint")
    except GhnError:
        if checkpoint is not None:
            raise
    task = make_task("cifar10_embedded")
    net = GHN(GHNConfig(classes=10, channels=32, layers=4, decoder_hidden=128))
    card = {"task": task.describe(), "scoring_task": {"name": "cifar10_embedded"}}
    space = NASBench201((3, *task.image_size), task.classes, width=8, depth=1)
    return Model(net, space, card, runtime), "an untrained network (there is no checkpoint)"


def scoring(model: Model, which: str, readout: str, runs: int, candidates: int) -> list[Figure]:
    """Candidates a second, and the share of the time that is not spent running them."""
    engine = model.estimator(readout, task=make_task("cifar10_embedded"), skeletons="fastest")
    device = model.fabric.device
    trials = [Trial(str(i), arch) for i, arch in enumerate(Random(0).sample(model.space.distinct(), candidates))]
    engine.score(trials[:4])
    rates, shares = [], []
    for _ in range(runs):
        model.net.featurizer = Featurizer(model.net.config.vocabulary)  # which remembers nothing
        watch = Stopwatch(device)
        with watch.watching((engine, "readout", "readout")):
            total, _ = timed(lambda: engine.score(trials), device)
        rates.append(candidates / total)
        shares.append(1 - watch.total["readout"] / total)
    sample, on_cpu = engine.sample, device.type == "cpu"
    images = f"{sample.val}" if readout != "ridge" else f"{sample.ridge_train} + {sample.ridge_val}"
    note = f"{candidates} distinct candidates on {images} images, {which}"
    rate, share = TARGETS[readout] if on_cpu else (None, None)
    name = f"scoring by {readout}"
    return [
        Figure.of(name, "candidates/s", rates, target=rate, at_least=True, note=note),
        Figure.of(f"{name}: share of lowering and weights", "of the time", shares, target=share, note=note),
    ]


def memory(model: Model, candidates: int) -> list[Figure]:
    """The most memory that scoring `candidates` cells (of all, in the space's order) takes above the start."""
    engine = model.estimator("loss", task=make_task("cifar10_embedded"), skeletons="fastest")
    trials: list[Trial[Any]] = [Trial(str(i), arch) for i, arch in enumerate(islice(model.space, candidates))]
    start = resident()
    engine.score(trials[: engine.block])
    block = peak()
    for _ in engine.stream(trials):
        pass
    note = f"peak of resident memory above that before the first candidate; {len(trials)} cells, 512 images"
    return [
        Figure.of("peak memory, the first 64 cells", "MiB", [block - start], note=note),
        Figure.of(f"peak memory, {len(trials)} cells", "MiB", [peak() - start], target=2048.0, note=note),
    ]
