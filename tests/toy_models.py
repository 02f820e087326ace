"""Hypernetworks and reference tables for the toy task: seconds to make, and all that a shipped one has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import torch
from lightning_fabric import Fabric

from ghn.graph.ir import Graph
from ghn.nets.ghn import GHN, GHNConfig
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.spaces import NASBench201
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.tasks import ImageTask
from ghn.types import WeightDict, Weights

NET = {"hidden": 8, "layers": 1, "heads": 2, "decoder_hidden": 8, "channels": 8}
READOUTS = ("loss", "accuracy", "ridge", "meco", "swap")  # those that any weights can be read by
SAMPLE = Sample(val=32, ridge_train=48, ridge_val=32, batch=16)
CHAIN = ("nor_conv_3x3", "none", "none", "none", "skip_connect", "none")  # computes what EDGE computes
EDGE = ("none", "none", "none", "nor_conv_3x3", "none", "none")
CUT_OFF = ("nor_conv_3x3", "none", "none", "none", "none", "none")


def cells(n: int, seed: int = 0) -> list[tuple[str, ...]]:
    """Cells of different functions, drawn at random."""
    space, rng = NASBench201((3, 8, 8), classes=4), Random(seed)
    found: dict[str, tuple[str, ...]] = {}
    while len(found) < n:
        found.setdefault(space.canonical(cell := space.sample(rng)), cell)
    return list(found.values())


def toy_net(seed: int = 0, classes: int = 4) -> GHN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return GHN(GHNConfig(classes, **NET))


def toy_card(task: ImageTask, **changes: Any) -> dict[str, Any]:
    return {"task": task.describe(), "scoring_task": None, "step": 4, "seconds": 90.0} | changes


def save_toy(path: Path, space: NASBench201, task: ImageTask, fabric: Fabric, seed: int = 0, **changes: Any) -> Model:
    """Writes a checkpoint and loads it."""
    Model(toy_net(seed, task.classes), space, toy_card(task, **changes), fabric).save(path)
    return load(path, fabric=fabric)


def toy_table(archs: Sequence[str], space: NASBench201, task: ImageTask, seeds: int = 1) -> ReferenceTable:
    """Made-up references of official strings; the first dozen have so many seeds."""
    rng = Random(0)
    header = TableHeader(space.name, task.name, task.checksum, space.describe(), {"epochs": 2}, {}, "made up")
    runs = [
        Run(arch, seed, val_accuracy=(0.1, a := rng.random()), test_accuracy=a)
        for i, arch in enumerate(archs)
        for seed in range(seeds if i < 12 else 1)
    ]
    return ReferenceTable(header, tuple(runs))


class Counting:
    """Hands out another's weights and keeps count."""

    def __init__(self, inner: Weights) -> None:
        self.inner, self.asked = inner, 0

    def __call__(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        self.asked += len(graphs)
        return self.inner(graphs)
