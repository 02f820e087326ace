"""Running statistics that all paths of a bank share: how scores look without a path's own batch statistics."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from ghn.errors import ConfigError
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph
from ghn.scoring.model import Model
from ghn.spaces.live import live_graph
from ghn.tasks.images import ImageTask
from ghn.types import WeightDict


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

    def __init__(self, task: ImageTask, statistics: Mapping[str, Tensor], images: int = 512, seed: int = 0) -> None:
        self.x, self.y = task.val.take(images, seed).batch(slice(None))
        self.statistics = statistics

    def __call__(self, graph: Graph, weights: WeightDict) -> dict[str, Tensor]:
        """Runs the network in evaluation mode.

        Raises:
            ConfigError: no path had a normalisation of this network.
        """
        program = Interpreter(graph, running_stats=True)
        names = list(program.new_stats())
        if missing := [name for name in names if name not in self.statistics]:
            raise ConfigError("there are no statistics of some normalisations", got=missing[:3], fix="draw more paths")
        logits = program.run({**weights, **{name: self.statistics[name] for name in names}}, self.x).output.float()
        loss = F.cross_entropy(logits, self.y)
        return {"value": -loss, "loss": loss, "accuracy": (logits.argmax(1) == self.y).float().mean()}
