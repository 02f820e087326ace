"""Read-outs: how a number is read off a network with weights. Higher is better in all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from ghn.errors import ConfigError
from ghn.graph.interpreter import feature_node
from ghn.graph.ir import Graph
from ghn.scoring.proxies import ZERO_COST, ProxyReadout
from ghn.tasks.images import ImageTask, Split
from ghn.types import Network, WeightDict

READOUTS = ("loss", "accuracy", "ridge", *ZERO_COST)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a read-out sees: how many images, drawn once, stratified, the same for every candidate and on every device.

    Attributes:
        val: validation images for `loss` and `accuracy`.
        ridge_train: training images on which the ridge regression is fitted.
        ridge_val: validation images on which it is scored.
        penalty: of the ridge regression, in units of the mean variance of the features; chosen on the development
            sample (docs/log.md, 2026-11-24), where weaker ones overfit and rank far worse.
        proxy: validation images, without their labels, for the zero-cost proxies `meco` and `swap`.
        zero_cost: training images, with their labels, for the other zero-cost proxies.
        batch: images a forward pass; each has its own batch statistics.
        seed: of the draw.
    """

    val: int = 512
    ridge_train: int = 1536
    ridge_val: int = 1024
    penalty: float = 1.0
    proxy: int = 16
    zero_cost: int = 64
    batch: int = 512
    seed: int = 0


class Readout(Protocol):
    """Reads numbers off a network with weights.

    Attributes:
        identity: what it reads; tells scores apart.
        passes: what it costs, in forward passes of one image; a backward pass counts as two.
    """

    identity: str
    passes: float

    def __call__(self, network: Network, weights: WeightDict) -> Mapping[str, Tensor]:
        """Returns scalars on the device of the weights; `value` is the score."""
        ...


class LogitReadout:
    """Minus the task's loss (cross-entropy in nats) on validation images, or its metric (accuracy, 0 to 1): `value` is
    `loss` or `accuracy`.
    """

    def __init__(self, task: ImageTask, value: str, sample: Sample) -> None:
        self.task, self.identity, self.passes = task, value, float(sample.val)
        self.batches = list(_batches(task.val.take(sample.val, sample.seed), sample.batch))

    def __call__(self, network: Network, weights: WeightDict) -> dict[str, Tensor]:
        losses, hits, n = [], [], 0
        for x, y in self.batches:
            logits = network.program.run(weights, x).output.float()
            losses.append(self.task.loss(logits, y, reduction="sum"))
            hits.append(self.task.metric(logits, y).sum())
            n += len(y)
        loss, accuracy = torch.stack(losses).sum() / n, torch.stack(hits).sum() / n
        return {"value": -loss if self.identity == "loss" else accuracy, "loss": loss, "accuracy": accuracy}


class RidgeReadout:
    """Minus the squared error of a ridge regression from the last features to the labels.

    The generated class head is put aside: features before it, pooled to 2x2 and flattened, of a training sample are
    fitted to one-hot labels in closed form; the score is read on a validation sample.
    """

    identity = "ridge"

    def __init__(self, task: ImageTask, sample: Sample) -> None:
        self.train = list(_batches(task.train.take(sample.ridge_train, sample.seed), sample.batch))
        self.val = list(_batches(task.val.take(sample.ridge_val, sample.seed), sample.batch))
        self.classes, self.penalty = task.classes, sample.penalty
        self.passes = float(sample.ridge_train + sample.ridge_val)

    def __call__(self, network: Network, weights: WeightDict) -> dict[str, Tensor]:
        train, labels = self._features(network, weights, self.train)
        val, answers = self._features(network, weights, self.val)
        if is_cut_off(network.graph):  # its class head reads zeros, whatever the image
            train, val = torch.zeros_like(train), torch.zeros_like(val)
        targets = F.one_hot(labels, self.classes).float()
        with torch.autocast(train.device.type, enabled=False):
            predicted = self._solve(train, targets, val)
        error = (predicted - F.one_hot(answers, self.classes)).square().sum(1).mean()
        return {
            "value": -error,
            "ridge_error": error,
            "ridge_accuracy": (predicted.argmax(1) == answers).float().mean(),
        }

    def _features(
        self, network: Network, weights: WeightDict, batches: list[tuple[Tensor, Tensor]]
    ) -> tuple[Float[Tensor, "n f"], Int[Tensor, " n"]]:
        node = network.graph.nodes[feature_node(network.graph)].name
        run = network.program.run
        maps = [F.adaptive_avg_pool2d(run(weights, x, [node]).inner[node].float(), 2) for x, _ in batches]
        return rearrange(torch.cat(maps), "n c h w -> n (c h w)"), torch.cat([y for _, y in batches])

    def _solve(
        self, x: Float[Tensor, "n f"], y: Float[Tensor, "n k"], new: Float[Tensor, "m f"]
    ) -> Float[Tensor, "m k"]:
        mean, bias = x.mean(0), y.mean(0)
        x = x - mean
        gram = x.T @ x
        # a penalty in proportion to the variance of the features, so that the score does not depend on their scale;
        # features that do not vary at all (a candidate cut off from its input) get any
        ridge = self.penalty * gram.diagonal().mean()
        gram.diagonal().add_(ridge + (ridge == 0))
        # `solve_ex` does not wait for the device to look for errors; they give a score that is not finite
        return (new - mean) @ torch.linalg.solve_ex(gram, x.T @ (y - bias))[0] + bias


def is_cut_off(graph: Graph) -> bool:
    """Whether the class head of a simplified graph is fed with zeros."""
    return any(node.operation.cuts for node in graph.nodes[feature_node(graph) :])


def make_readout(name: str, task: ImageTask, sample: Sample) -> Readout:
    """Makes a read-out by name, on the device of the task.

    Raises:
        ConfigError: unknown name.
        DataError: a split has fewer images than the sample asks for.
    """
    if name not in READOUTS:
        raise ConfigError("unknown read-out", got=name, expected=" | ".join(READOUTS))
    if name == "ridge":
        return RidgeReadout(task, sample)
    if name in ZERO_COST:
        split, n = (task.val, sample.proxy) if ZERO_COST[name].of_activations else (task.train, sample.zero_cost)
        return ProxyReadout(name, *split.take(n, sample.seed).batch(slice(None)))
    return LogitReadout(task, name, sample)


def _batches(split: Split, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(split), size):
        yield split.batch(slice(start, start + size))
