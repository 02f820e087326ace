"""Ordinary training of one network, epoch by epoch, so that it can be watched, stopped and taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import cos, pi
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ghn.errors import TrainingError, check_counts, check_numbers
from ghn.nets.initial import RandomInit
from ghn.tasks.augmentation import check_shift
from ghn.tasks.outputs import check_network
from ghn.train.runtime import precision_of
from ghn.types import Network, Score, Space, Split, Task, Trial


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained: SGD with Nesterov momentum and one cosine from `lr` to zero."""

    epochs: int = 20  # passes over the train split
    batch_size: int = 128  # images a step; the last, smaller batch of an epoch is dropped
    lr: float = 0.1  # peak learning rate, reached at once
    momentum: float = 0.9  # of Nesterov's method
    weight_decay: float = 5e-4  # on every weight
    shift: int = 2  # greatest random shift of a training image, in pixels, where the task's augmentation shifts

    def __post_init__(self) -> None:
        check_counts("recipe: ", epochs=self.epochs, batch_size=self.batch_size)
        check_counts("recipe: ", least=0, shift=self.shift)
        check_numbers("recipe: ", above=0, lr=self.lr)
        check_numbers("recipe: ", above=0, below=1, momentum=self.momentum)
        check_numbers("recipe: ", least=0, weight_decay=self.weight_decay)

    def describe(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class EpochResult:
    """Mean loss and metric (of classes nats and accuracy) of one epoch; training items are seen on the way."""

    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float


class NetworkTrainer:
    """Trains one network; `epoch` counts what is done.

    Args:
        network: what is cut off from input or output should have been removed (`Network.live`).
        task: train split to learn from, val split to watch.
        recipe: how.
        seed: of initial weights, order of images and augmentation.
        fabric: the device.
    """

    def __init__(self, network: Network, task: Task, recipe: Recipe, seed: int, fabric: Fabric) -> None:
        check_network(network.graph, task)
        self.task = task.to(fabric.device)
        self.recipe, self.fabric, self.epoch = recipe, fabric, 0
        self.program = network.program.with_stats()
        self.weights = RandomInit(seed, fabric.device)([network.graph])[0]
        own = {p.name: network.own[p.name] for p in network.graph.params() if p.kind == "scalar"}  # nobody draws these
        self.weights |= {name: value.detach().clone().to(fabric.device) for name, value in own.items()}
        self.stats = self.program.new_stats(fabric.device)
        for weight in self.weights.values():
            weight.requires_grad_()
        self.optimizer = torch.optim.SGD(
            self.weights.values(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=True
        )
        self.generator = torch.Generator(fabric.device).manual_seed(seed)

    def run_epoch(self) -> EpochResult:
        """Trains for one epoch and evaluates on the val split."""
        train, size = self.task.train, self.recipe.batch_size
        steps = max(1, len(train) // size)
        loss_sum, hits = torch.zeros((), device=train.device), torch.zeros((), device=train.device)
        for step, (x, y) in enumerate(train.epoch(size, self.generator)):
            self._set_lr((self.epoch * steps + step) / (self.recipe.epochs * steps))
            x = self.task.augment(x, self.generator, self.recipe.shift)
            with self.fabric.autocast():
                logits = self.program.run({**self.weights, **self.stats}, x, training=True).output
                loss = self.task.loss(logits, y)
            self.optimizer.zero_grad()
            self.fabric.backward(loss)
            self.optimizer.step()
            loss_sum += loss.detach()
            hits += self.task.metric(logits.detach(), y).mean()
        train_loss = float(loss_sum) / steps
        if not train_loss < float("inf"):
            raise TrainingError(
                f"the training loss is {train_loss} in epoch {self.epoch + 1}", fix="lower the learning rate"
            )
        self.epoch += 1
        return EpochResult(train_loss, float(hits) / steps, *self.evaluate(self.task.val))

    @torch.no_grad()
    def evaluate(self, split: Split, batch_size: int = 250) -> tuple[float, float]:
        """Mean loss and metric on a split, with running statistics."""
        loss, hits = torch.zeros((), device=split.device), torch.zeros((), device=split.device)
        for x, y in split.batches(batch_size):
            with self.fabric.autocast():
                logits = self.program.run({**self.weights, **self.stats}, x).output
            loss += self.task.loss(logits.float(), y, reduction="sum")
            hits += self.task.metric(logits, y).sum()
        return float(loss) / len(split), float(hits) / len(split)

    @torch.no_grad()
    def start_from(self, weights: Mapping[str, Tensor], stats: Mapping[str, Tensor]) -> None:
        """Takes weights and running statistics from elsewhere, in place of the random ones."""
        for own, given in ((self.weights, weights), (self.stats, stats)):
            for name, value in own.items():
                value.copy_(given[name])

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that training goes on from, as tensors: weights, statistics, momentum, random state, epoch."""
        state = {f"weight/{k}": v.detach() for k, v in self.weights.items()}
        state |= {f"stats/{k}": v for k, v in self.stats.items()}
        for name, weight in self.weights.items():
            if (momentum := self.optimizer.state[weight].get("momentum_buffer")) is not None:
                state[f"momentum/{name}"] = momentum
        return state | {"generator": self.generator.get_state(), "epoch": torch.tensor(self.epoch)}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Takes up what `state_dict` gave, for the same graph."""
        self.optimizer.state.clear()
        for name, weight in self.weights.items():
            weight.copy_(state[f"weight/{name}"])
            if f"momentum/{name}" in state:
                self.optimizer.state[weight]["momentum_buffer"] = state[f"momentum/{name}"].to(weight.device).clone()
        for name, value in self.stats.items():
            value.copy_(state[f"stats/{name}"])
        self.generator.set_state(state["generator"])
        self.epoch = int(state["epoch"])

    def _set_lr(self, progress: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.lr * 0.5 * (1 + cos(pi * progress))


class CandidateTraining:
    """What every estimator that trains candidates is: it learns from no references, and tells its cost in seconds."""

    def __init__(self, space: Space[Any], task: Task, recipe: Recipe, fabric: Fabric, seed: int) -> None:
        check_shift(task, recipe.shift, "recipe.shift")
        self.space, self.task, self.recipe, self.fabric, self.seed = space, task.to(fabric.device), recipe, fabric, seed

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        pass

    def cost(self, arch: Any) -> float | None:
        return None

    @property
    def conditions(self) -> dict[str, Any]:
        """What every training depends on, JSON-able."""
        return {
            "space": repr(self.space),
            "task": self.task.checksum,
            "recipe": self.recipe.describe(),
            "seed": self.seed,
            "precision": precision_of(self.fabric),
        }
