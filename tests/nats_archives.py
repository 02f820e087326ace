"""Makes tiny archives of NATS-Bench, in the official format and with the official classes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SEEDS = {"cifar10-valid": (777, 888), "cifar10": (777, 999), "cifar100": (777,), "ImageNet16-120": (777,)}
SPLITS = {"cifar10-valid": ("x-valid", "ori-test"), "cifar10": ("ori-test",)}


def accuracy(split: str, epoch: int, seed: int) -> float:
    """In percent; every split, epoch and seed has its own, so that a mix-up shows."""
    return {"train": 10.0, "x-valid": 30.0, "ori-test": 50.0, "x-test": 70.0}[split] + epoch / 100 + seed / 1000


def write_archive(folder: Path, archs: Sequence[str], recipes: Sequence[int]) -> Path:
    """Writes the archive of some architectures, trained by recipes of so many epochs."""
    from nats_bench import ArchResults, pickle_save

    pickle_save({"meta_archs": list(archs), "arch2infos": None}, str(folder / "meta.pickle"))
    for index, arch in enumerate(archs):
        states = OrderedDict()
        for epochs in recipes:
            results = ArchResults(index, arch)
            for dataset, seeds in SEEDS.items():
                for seed in seeds:
                    results.update(dataset, seed, _training(dataset, seed, epochs, arch))
            states[f"{epochs:02d}"] = results.state_dict()
        pickle_save(states, str(folder / f"{index:06d}.pickle"))
    return folder


def _training(dataset: str, seed: int, epochs: int, arch: str) -> Any:
    from nats_bench import ResultsCount

    curve = {i: accuracy("train", i, seed) for i in range(epochs)}
    losses = {i: 2.0 - i / 1000 for i in range(epochs)}
    config = {"channel": 16, "num_cells": 5, "arch_str": arch, "class_num": 10}
    result = ResultsCount(dataset, None, curve, losses, 0.129306, 15.6, config, seed, epochs, [0.01])
    result.update_train_info(curve, None, losses, OrderedDict((i, 2.0) for i in range(epochs)))
    for split in SPLITS.get(dataset, ("x-valid", "x-test", "ori-test")):
        # As in the archives: of the 200-epoch trainings, x-valid of every epoch only for cifar10-valid.
        every = epochs == 12 or dataset == "cifar10-valid" or split == "ori-test"
        kept = range(epochs) if every else [epochs - 1]
        result.update_OLD_eval(split, {i: accuracy(split, i, seed) for i in kept}, {i: 1.5 - i / 1000 for i in kept})
        result.reset_pseudo_eval_times(split, 0.5)
    return result
