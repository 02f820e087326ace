"""Read-outs: how a number is read off a network with weights. Higher is better in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError, DataError, check_counts, check_numbers, check_seeds
from ghn.graph.ir import Graph
from ghn.scoring.proxies import ZERO_COST, ProxyReadout, check_input
from ghn.types import Batch, Network, Split, Task, WeightDict

READOUTS = ("loss", "accuracy", "ridge", "norm", "metric", *ZERO_COST)
USUAL_SIZES = {"val": 512, "ridge_train": 1536, "ridge_val": 1024, "proxy": 16, "zero_cost": 64}  # of a `Sample`
_SPLIT = {"val": "val", "ridge_train": "train", "ridge_val": "val", "proxy": "val", "zero_cost": "train"}


@dataclass(frozen=True, slots=True)
class Sample:
    """What a read-out sees: how many items, drawn once, stratified, the same for every candidate and on every device.

    Sizes that are None are `USUAL_SIZES`, or all that a split has.

    Attributes:
        val: validation items for `loss` and the metric, `accuracy`.
        ridge_train: training items on which the ridge regression is fitted.
        ridge_val: validation items on which it is scored.
        penalty: of the ridge regression, in units of the mean variance of the features; chosen on the development
            sample (docs/log.md, 2026-11-24), where weaker ones overfit and rank far worse.
        proxy: validation items, without their targets, for the zero-cost proxies `meco` and `swap`.
        zero_cost: training items, with their targets, for the other zero-cost proxies.
        batch: items a forward pass; each has its own batch statistics.
        seed: of the draw.
    """

    val: int | None = None
    ridge_train: int | None = None
    ridge_val: int | None = None
    penalty: float = 1.0
    proxy: int | None = None
    zero_cost: int | None = None
    batch: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        sizes = {size: n for size in USUAL_SIZES if (n := getattr(self, size)) is not None}
        check_counts("sample: ", batch=self.batch, **sizes)
        check_numbers("sample: ", above=0, penalty=self.penalty)
        check_seeds("sample: ", seed=self.seed)

    def fit(self, task: Task) -> Sample:
        """The same with every size a number.

        Raises:
            DataError: a size that was given is larger than the split; the message names it.
        """
        there = {"train": len(task.train), "val": len(task.val)}
        given = {size: getattr(self, size) for size in USUAL_SIZES}
        for size, n in given.items():
            if n is not None and n > there[_SPLIT[size]]:
                raise DataError(
                    f"sample.{size}: the {_SPLIT[size]} split of task {task.name} does not have so many items",
                    got=n,
                    expected=f"1 to {there[_SPLIT[size]]}, or null for as many as are usual and there",
                )
        usual = {size: min(n, there[_SPLIT[size]]) for size, n in USUAL_SIZES.items()}
        return replace(self, **{size: usual[size] if n is None else n for size, n in given.items()})

    def take(self, size: str, task: Task) -> Split:
        """The items of one of the sizes."""
        fitted = self.fit(task)
        split = task.train if _SPLIT[size] == "train" else task.val
        return split.take(getattr(fitted, size), self.seed)


class Readout(Protocol):
    """Reads numbers off a network with weights.

    Attributes:
        identity: what it reads; tells scores apart.
        passes: what it costs, in forward passes of one item; a backward pass counts as two.
    """

    identity: str
    passes: float

    def __call__(self, network: Network, weights: WeightDict) -> Mapping[str, Tensor]:
        """Returns scalars on the device of the weights; `value` is the score."""
        ...


class LogitReadout:
    """Minus the task's loss (of classes cross-entropy in nats) on validation items, or its metric (of classes the
    accuracy, 0 to 1): `value` is `loss`, or `accuracy` whatever the metric.
    """

    def __init__(self, task: Task, value: str, sample: Sample) -> None:
        items = sample.take("val", task)
        self.task, self.identity, self.passes = task, value, float(len(items))
        self.batches = list(items.batches(sample.batch))

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
    """Minus the squared error of a ridge regression from the last features to the targets.

    The generated head is put aside: features before it, feature maps pooled to 2x2 and flattened, of a training sample
    are fitted in closed form to the targets as vectors, classes one-hot; the score is read on a validation sample.

    Raises:
        ConfigError: nothing is known of the task's targets.
    """

    identity = "ridge"

    def __init__(self, task: Task, sample: Sample) -> None:
        train, val = sample.take("ridge_train", task), sample.take("ridge_val", task)
        self.train, self.val = list(train.batches(sample.batch)), list(val.batches(sample.batch))
        self.task, self.penalty = task, sample.penalty
        self.passes = float(len(train) + len(val))
        task.target_vectors(self.train[0][1])  # refused before anything is scored

    def __call__(self, network: Network, weights: WeightDict) -> dict[str, Tensor]:
        train, labels = self._features(network, weights, self.train)
        val, answers = self._features(network, weights, self.val)
        if is_cut_off(network.graph):  # its head reads zeros, whatever the input
            train, val = torch.zeros_like(train), torch.zeros_like(val)
        targets = self.task.target_vectors(labels)
        with torch.autocast(train.device.type, enabled=False):
            predicted = self._solve(train, targets, val)
        error = (predicted - self.task.target_vectors(answers)).square().sum(1).mean()
        return {"value": -error, "ridge_error": error, "ridge_accuracy": self.task.metric(predicted, answers).mean()}

    def _features(
        self, network: Network, weights: WeightDict, batches: list[Batch]
    ) -> tuple[Float[Tensor, "n f"], Tensor]:
        node = network.graph.nodes[head_input(network.graph)].name
        run = network.program.run
        maps = [_pooled(run(weights, x, [node]).inner[node].float()) for x, _ in batches]
        return torch.cat(maps), torch.cat([y for _, y in batches])

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


class NormReadout:
    """The Euclidean norm of all weights together; no image is looked at.

    Source: Knyazev et al. 2023 (GHN-3): that of generated weights orders torchvision's models, their accuracy does not.
    """

    identity = "norm"
    passes = 0.0

    def __call__(self, network: Network, weights: WeightDict) -> dict[str, Tensor]:
        each = [weights[param.name].float().norm() for param in network.graph.params()]
        return {"value": torch.stack(each).norm()}


def _pooled(x: Float[Tensor, "b ..."]) -> Float[Tensor, "b f"]:
    """Features as vectors: maps pooled to 2x2, signals to 2 stretches."""
    if x.ndim == 4:
        x = F.adaptive_avg_pool2d(x, 2)
    elif x.ndim == 3:
        x = F.adaptive_avg_pool1d(x, 2)
    return x.flatten(1)


def head_input(graph: Graph) -> int:
    """Index of the node whose output is the last features: the last feature map, where only the head comes after it;
    else what the head, the last layer that mixes channels, reads.
    """
    mixing = [i for i, node in enumerate(graph.nodes) if node.operation.mixes]
    if not mixing:
        return 0
    maps = [i for i, node in enumerate(graph.nodes) if len(node.shape) == 3]
    if maps and not [i for i in mixing[:-1] if i > maps[-1]] and maps[-1] < mixing[-1]:
        return maps[-1]
    return graph.nodes[mixing[-1] if graph.class_head is None else graph.class_head].inputs[0]


def is_cut_off(graph: Graph) -> bool:
    """Whether the head of a simplified graph is fed with zeros."""
    return any(node.operation.cuts for node in graph.nodes[head_input(graph) :])


def make_readout(name: str, task: Task, sample: Sample) -> Readout:
    """Makes a read-out by name, on the device of the task; `metric` is the `accuracy` of any task.

    Raises:
        ConfigError: unknown name, or one that says nothing of this kind of task.
        DataError: a split has fewer items than the sample asks for.
    """
    if name not in READOUTS:
        raise ConfigError("unknown read-out", got=name, expected=" | ".join(READOUTS))
    if name == "ridge":
        return RidgeReadout(task, sample)
    if name == "norm":
        return NormReadout()
    if name in ZERO_COST:
        check_input(ZERO_COST[name], task)
        items = sample.take("proxy" if ZERO_COST[name].of_activations else "zero_cost", task)
        return ProxyReadout(name, *next(items.batches(len(items))), task.loss)
    return LogitReadout(task, "accuracy" if name == "metric" else name, sample)
