"""Running statistics that all paths of a bank share: how scores look without a path's own batch statistics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ghn.analysis.correlation import kendall
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError
from ghn.graph.interpreter import Interpreter
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.model import Model
from ghn.spaces.members import live_graph
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.tasks.images import ImageTask
from ghn.types import Network, Trial, WeightDict
from studies.run import run_study, write_json


def shared_statistics_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Orders networks with one bank in both ways, and compares with published accuracies."""
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    _, model = open_checkpoint(setting, setting.checkpoints[0], "oneshot")
    task = model.images(setting.task).to(setting.fabric.device)
    if not isinstance(task, ImageTask):
        raise ConfigError("this study is of images", got=f"task {task.name}", fix="task=cifar10_embedded")
    sample = load_sample("development")
    accuracy = {arch: sample.accuracy[arch] for arch in sample.archs()[: options["n"]]}
    engine = model.estimator(task=task, sample=setting.sample, skeletons=())
    ways = {"own batch statistics": _order(engine, accuracy)}
    statistics = collect_statistics(model, task, paths=options["paths"])
    engine.readout = SharedStatisticsReadout(task, statistics, setting.sample.fit(task).val or 0)
    ways["shared running statistics"] = _order(engine, accuracy)
    write_json(out / "shared_statistics.json", {"ways": ways, "made": machine()})
    for name, way in ways.items():
        tau = "-" if way["kendall"] is None else f"{way['kendall']:.3f}"
        print(f"{name}: Kendall {tau}, mean accuracy {way['accuracy']:.3f}, {way['scored']} of {len(accuracy)} scored")
    print(f"wrote {out}/shared_statistics.json")


def _order(engine: WeightedEstimator, accuracy: Mapping[str, float]) -> dict[str, Any]:
    """Kendall's tau with known accuracies, and the mean accuracy of what could be scored."""
    scores = engine.score([Trial(arch, arch) for arch in accuracy])
    known = [(score, value) for score, value in zip(scores, accuracy.values(), strict=True) if score.ok]
    tau = kendall([score.value for score, _ in known], [value for _, value in known])
    return {"kendall": tau, "accuracy": fmean(score.extra["accuracy"] for score, _ in known), "scored": len(known)}


def collect_statistics(
    model: Model, task: ImageTask, *, paths: int = 200, images: int = 64, seed: int = 0
) -> dict[str, Tensor]:
    """Running statistics of every normalisation, over random paths on training images, as training would leave them.

    Args:
        model: a bank.
        task: whose train split is read, normalised as the bank has seen it (`Model.images`).
        paths: drawn from the space.
        images: of each path.
        seed: of paths and images.

    Returns:
        A tensor for each name of a buffer (`Interpreter.new_stats`).
    """
    rng, shared, train = Random(seed), dict[str, Tensor](), task.train
    for _ in range(paths):
        graph = live_graph(model.space, model.space.sample(rng))
        index = rng.sample(range(len(train)), min(images, len(train)))
        module = Interpreter(graph, running_stats=True)
        fresh = module.new_stats(train.device)
        own = {name: shared.setdefault(name, value) for name, value in fresh.items()}
        with torch.no_grad():
            module.run({**model.weights(graph), **own}, train.batch(index)[0], training=True)
    return shared


class SharedStatisticsReadout:
    """Minus the cross-entropy (nats) on validation images, under running statistics that all paths share.

    Args:
        task: of the images, on the device of the weights.
        statistics: of `collect_statistics`.
        images: of the validation split.
        seed: of their draw.
    """

    identity = "loss, shared running statistics"

    def __init__(self, task: ImageTask, statistics: Mapping[str, Tensor], images: int = 512, seed: int = 0) -> None:
        self.x, self.y = task.val.take(images, seed).batch(slice(None))
        self.statistics, self.passes = statistics, float(images)

    def __call__(self, network: Network, weights: WeightDict) -> dict[str, Tensor]:
        """Runs the network in evaluation mode.

        Raises:
            ConfigError: no path had a normalisation of this network.
        """
        program = Interpreter(network.graph, running_stats=True)
        names = list(program.new_stats())
        if missing := [name for name in names if name not in self.statistics]:
            raise ConfigError("there are no statistics of some normalisations", got=missing[:3], fix="draw more paths")
        logits = program.run({**weights, **{name: self.statistics[name] for name in names}}, self.x).output.float()
        loss = F.cross_entropy(logits, self.y)
        return {"value": -loss, "loss": loss, "accuracy": (logits.argmax(1) == self.y).float().mean()}


if __name__ == "__main__":
    run_study("shared_statistics", shared_statistics_study)
