"""How what makes weights is trained - a hypernetwork, a bank: what each step sees, and how it goes down the gradient.

A step sees what is drawn from the seed and its number alone, so that any step can be redone.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from math import cos, pi
from random import Random
from typing import Any, Protocol

import torch
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError, GhnError, TrainingError, check_counts, check_known, check_numbers, check_seeds
from ghn.spaces import skeletons_of
from ghn.tasks.augmentation import check_shift
from ghn.tasks.inputs import chunks, concat, count, pick
from ghn.tasks.outputs import check_network
from ghn.train.loop import LoopConfig, Update
from ghn.train.runtime import Unsearched, precision_of, ranks_of
from ghn.types import Batch, Finite, Inputs, Network, Prepares, Program, Space, Split, Task, WeightDict

SAMPLINGS = ("auto", "distinct", "uniform")
SCHEDULES = ("cosine", "constant")
OPTIMIZERS = ("adamw", "sgd")
MOST_LEFT_OUT = 1000  # architectures of a step, before it is given up
AHEAD = 4  # steps whose networks are made beforehand


class PathSampler(Protocol):
    """What a step of training runs: members of its `space`, or several of its options at once."""

    space: Space[Any]

    def __call__(self, step: int, n: int) -> list[Any]:
        """Draws `n` hashable descriptions for a step, from the seed, the step's number and saved state alone."""
        ...

    def look_ahead(self, step: int, n: int) -> None:
        """Begins what can be done for a later step beforehand: by default nothing."""
        return

    def network(self, space: Space[Any], drawn: Any) -> Network:
        """The network of a description in a variant of the space."""
        return space.network(drawn)

    def format(self, drawn: Any) -> str:
        """A description in words, for error messages."""
        return self.space.format(drawn)


class ArchitectureSampler(PathSampler):
    """Draws the architectures of a step.

    `distinct` sampling draws functions uniformly where the space can list them (`space.distinct()`), so that those with
    many equivalent descriptions are not seen more often; `uniform` draws descriptions; `auto` is `distinct` where that
    can be. Architectures with the canonical keys `exclude`, such as held-out ones, are never drawn; nor are those of
    which a space that builds its networks cannot make one.

    Raises:
        ConfigError: an unknown sampling, `distinct` in a space that cannot list its functions, or nothing to draw.
    """

    def __init__(self, space: Space[Any], sampling: str, seed: int, exclude: frozenset[Hashable] = frozenset()) -> None:
        check_known("sampling", sampling, SAMPLINGS)
        self.space, self.seed, self.exclude = space, seed, exclude
        self._pool: Sequence[Any] | None = None
        if sampling == "distinct" or (sampling == "auto" and isinstance(space, Finite)):
            if not isinstance(space, Finite):
                raise ConfigError(
                    f"space {space.name} cannot list its functions",
                    got="sampling=distinct",
                    fix="use sampling=uniform (trainer.sampling=uniform)",
                )
            self._pool = [a for a in space.distinct() if self.space.canonical(a) not in exclude]
            if not self._pool:
                raise ConfigError(f"space {space.name} has no network to train on", got=self._why_none())

    def __call__(self, step: int, n: int) -> list[Any]:
        rng = Random(key := f"{self.seed}/{step}")
        if self._pool is not None:
            return rng.choices(self._pool, k=n)
        if isinstance(self.space, Prepares):
            self.space.finish(key)
        out: list[Any] = []
        left_out = 0
        while len(out) < n:
            arch = self.space.sample(rng)
            if self._why_not(arch) is None:
                out.append(arch)
            elif (left_out := left_out + 1) > MOST_LEFT_OUT:
                raise TrainingError(
                    f"step {step + 1}: of {left_out + len(out)} architectures drawn {left_out} cannot be trained",
                    got=self._why_not(arch),
                    fix="make a space whose members have networks",
                )
        return out

    def _why_none(self) -> str:
        """Why no member of the space is drawn."""
        return self._why_not(self.space.sample(Random(0))) or "all are held out"

    def _why_not(self, arch: Any) -> str | None:
        """Why an architecture is not drawn; None where it is."""
        if self.exclude and self.space.canonical(arch) in self.exclude:
            return "it is held out"
        if isinstance(self.space, Prepares):
            try:
                self.space.network(arch)
            except GhnError as error:
                return str(error)
        return None

    def look_ahead(self, step: int, n: int) -> None:
        if self._pool is None and not self.exclude and isinstance(self.space, Prepares):
            self.space.prepare(f"{self.seed}/{step}", n)


class StepBatches:
    """Goes through a split in a new random order each epoch; of a split that is smaller than a batch in several.

    A batch depends on the seed, the number of the step and the kind of the device alone; that of any step can be asked
    for, the next one at the least cost.
    """

    def __init__(self, split: Split, batch: int, seed: int, device: torch.device) -> None:
        self.split, self.batch, self.seed, self.device = split, batch, seed, device
        self.passes = -(-batch // len(split))  # of the split, that one batch is made of
        self.per_epoch = max(1, len(split) // batch)
        self._open: Iterator[Batch] = iter(())
        self._next = -1  # the step whose batch comes next of it

    def __call__(self, step: int) -> Batch:
        if self.passes > 1:
            parts = [next(self._epoch(len(self.split), self.passes * step + k)) for k in range(self.passes)]
            inputs, targets = concat([x for x, _ in parts]), torch.cat([y for _, y in parts])
            return pick(inputs, slice(0, self.batch)), targets[: self.batch]
        epoch, k = divmod(step, self.per_epoch)
        if step != self._next or k == 0:
            self._open = self._epoch(self.batch, epoch, k)
        self._next = step + 1
        return next(self._open)

    def _epoch(self, size: int, epoch: int, start: int = 0) -> Iterator[Batch]:
        generator = torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + epoch)
        return self.split.epoch(size, generator, start)


@dataclass(frozen=True, slots=True)
class MetaConfig(LoopConfig):
    """How a hypernetwork, or a bank of shared weights, is trained; `LoopConfig` says how long.

    The optimizer, `adamw` or `sgd` with Nesterov momentum, leaves alone what no architecture of a step uses. The
    `cosine` schedule takes the rate to zero; `constant` leaves it, and the moving average settles instead. Of the
    skeletons, settings of the space such as `{"depth": 3}`, one is drawn for each architecture of a step: a
    hypernetwork that has seen several can score in each of them.
    """

    architectures: int = 8  # architectures a step (the meta-batch)
    images: int = 32  # items an architecture and step; each architecture sees items of its own
    optimizer: str = "adamw"  # one of `OPTIMIZERS`
    lr: float = 2e-3  # peak learning rate, after a linear warm-up
    schedule: str = "cosine"  # one of `SCHEDULES`
    momentum: float = 0.9  # of `sgd`
    weight_decay: float = 1e-2  # of the optimiser
    warmup: int = 100  # steps of warm-up
    clip: float = 5.0  # greatest norm of the gradient
    shift: int = 2  # greatest random shift of a training image, in pixels, where the task's augmentation shifts
    ghost: int = 0  # images that are normalised together; 0: all of an architecture's
    sampling: str = "auto"  # `auto`, `distinct` or `uniform`, see `ArchitectureSampler`
    skeletons: Sequence[Mapping[str, Any]] = ()  # none: the space as it is
    seed: int = 0  # of everything drawn

    def __post_init__(self) -> None:
        LoopConfig.__post_init__(self)
        object.__setattr__(self, "skeletons", [dict(s) for s in self.skeletons])  # equal to what JSON gives back
        check_counts("trainer: ", architectures=self.architectures, images=self.images)
        check_known("schedule of the trainer", self.schedule, SCHEDULES)
        check_known("optimizer of the trainer", self.optimizer, OPTIMIZERS)
        check_counts("trainer: ", least=0, warmup=self.warmup, shift=self.shift, ghost=self.ghost)
        check_numbers("trainer: ", above=0, lr=self.lr, clip=self.clip)
        check_numbers("trainer: ", least=0, below=1, momentum=self.momentum)
        check_numbers("trainer: ", least=0, weight_decay=self.weight_decay)
        check_seeds("trainer: ", seed=self.seed)
        if self.ghost and self.images % self.ghost:
            raise ConfigError(
                "trainer: ghost must divide images, or be 0", got=f"ghost {self.ghost}, images {self.images}"
            )

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.lr * (step + 1) / self.warmup
        if self.schedule == "constant":
            return self.lr
        return self.lr * 0.5 * (1 + cos(pi * (step - self.warmup) / max(1, self.steps - self.warmup)))

    def make_optimizer(self, weights: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
        if self.optimizer == "sgd":
            return torch.optim.SGD(
                weights, self.lr, self.momentum, weight_decay=self.weight_decay, nesterov=self.momentum > 0
            )
        return torch.optim.AdamW(weights, self.lr, weight_decay=self.weight_decay)


class Descent:
    """What goes down the gradient of a task's loss, and how: batches, normalisation, learning rate, clipping.

    `model` is a `Weights`; `weights` makes what it makes, given a function that returns the graphs. Only the train
    split of the task is used.

    Raises:
        ConfigError: an architecture is to see more images than there are.
    """

    def __init__(self, model: nn.Module, task: Task, config: MetaConfig, fabric: Fabric) -> None:
        check_shift(task, config.shift, "trainer.shift")
        if config.images > len(task.train):
            raise ConfigError(
                "trainer.images: an architecture cannot see more items a step than the train split has",
                got=config.images,
                expected=f"at most {len(task.train)}",
            )
        self.config, self.fabric, self.task = config, fabric, task.to(fabric.device)
        self.ranks, self.loss, self.metric = ranks_of(fabric), task.loss, task.metric
        self.parameters = list(model.to(fabric.device).parameters())
        self.optimizer: torch.optim.Optimizer
        self.weights, self.optimizer = fabric.setup(Unsearched(model), config.make_optimizer(self.parameters))
        self.ranks.start_alike(model)
        batch = config.architectures * config.images
        self.batches = StepBatches(self.task.train, batch, config.seed, fabric.device)

    def batch(self, step: int) -> Batch:
        """The augmented inputs and the targets of a step."""
        x, y = self.batches(step)
        generator = torch.Generator(y.device).manual_seed(self.config.seed * 1_000_003 + step)
        return self.task.augment(x, generator, self.config.shift), y

    def logits(self, program: Program, weights: WeightDict, x: Inputs) -> Float[Tensor, "b ..."]:
        """Runs a network, on `ghost` items at a time.

        Source: Hoffer, Hubara & Soudry, "Train longer, generalize better", NIPS 2017, alg. 1: ghost batch
        normalisation. Normalisation alone couples images, so running groups apart gives each its own statistics.
        """
        with self.fabric.autocast():
            parts = [program.run(weights, part).output for part in chunks(x, self.config.ghost or count(x))]
        return torch.cat(parts).float()

    def backward(self, losses: Float[Tensor, " n"], names: Iterable[str], step: int) -> Float[Tensor, " n"]:
        """Gives the parameters the gradient that the optimiser's next step goes by; returns the losses of all ranks.

        `names` are those of what has been run, on whichever rank, and read when something is wrong.

        Raises:
            TrainingError: a loss or the gradient is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(step)
        self.optimizer.zero_grad()
        self.fabric.backward(losses.mean())
        losses = self.ranks.add_up(self.parameters, losses.detach())
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip)
        if not bool(torch.isfinite(norm + losses.sum())):
            run = list(names)
            bad = [name for name, loss in zip(run, losses.tolist(), strict=True) if not abs(loss) < float("inf")]
            raise TrainingError(
                f"step {step + 1}: the loss or its gradient is no longer finite",
                got=f"candidates with such a loss: {bad}" if bad else f"a gradient, over the candidates {run}",
            )
        return losses


class MetaStep:
    """A step of training a hypernetwork, or anything else that is a `Weights`, on the train split of a task.

    Args:
        model: whose `forward` makes weights for graphs.
        space: of the architectures.
        config: how to train.
        fabric: the device.
        paths: gives each step its architectures; by default as `config.sampling` says.
        identity: what else a run must have in common with the one it resumes, JSON-able, such as the model's settings.
    """

    def __init__(
        self,
        model: nn.Module,
        space: Space[Any],
        task: Task,
        config: MetaConfig,
        fabric: Fabric,
        *,
        paths: PathSampler | None = None,
        identity: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.config = model, config
        self.paths = paths or ArchitectureSampler(space, config.sampling, config.seed)
        self.descent = Descent(model, task, config, fabric)
        self.averaged: Sequence[str] = [name for name, _ in model.named_parameters()]
        self.optimizers: Mapping[str, torch.optim.Optimizer] = {"optimizer": self.descent.optimizer}
        self.identity: Mapping[str, Any] = {**run_identity(space, task, config, fabric), **(identity or {})}
        self.spaces = skeletons_of(space, config.skeletons)
        self.task = task
        self.network = lru_cache(maxsize=2048)(self._network)  # about 0.1 MB each
        self._begun = -1  # the last step whose networks were begun

    def __call__(self, number: int) -> Update:
        self.look_ahead(number)
        return self.update(number, self.paths(number, self.config.architectures))

    def look_ahead(self, number: int) -> None:
        """Begins the networks of the next steps, where that can be done while this one is taken.

        Not where there are several skeletons: then each is another network.
        """
        if self.spaces == [self.paths.space]:
            for step in range(max(number, self._begun) + 1, min(number + 1 + AHEAD, self.config.steps)):
                self.paths.look_ahead(step, self.config.architectures)
                self._begun = step

    def update(self, number: int, drawn: Sequence[Any]) -> Update:
        """Works out a step of some architectures; its losses are theirs."""
        names = (self.paths.format(one) for one in drawn)
        losses = self.descent.backward(self.losses(number, drawn), names, number)
        return Update(partial(self.descend, losses))

    def losses(self, number: int, drawn: Sequence[Any]) -> Float[Tensor, " n"]:
        """The losses of some architectures with the weights that are made for them, on the inputs of a step.

        Those that other ranks have are 0: the mean and its gradient are right once all are added up.
        """
        own = self.descent.ranks.part(len(drawn))
        seen = zip(drawn[own], self.skeletons(number, len(drawn))[own], strict=True)
        networks = [self.network(*pair) for pair in seen]
        x, y = self.descent.batch(number)
        images, labels = list(chunks(x, self.config.images))[own], y.split(self.config.images)[own]
        made = self.descent.weights(lambda: [network.graph for network in networks])
        each = zip(made, networks, images, labels, strict=True)
        logits, loss = self.descent.logits, self.descent.loss
        losses = torch.stack([loss(logits(n.program, n.complete(w), xs), ys) for w, n, xs, ys in each])
        return losses if len(losses) == len(drawn) else nn.functional.pad(losses, (own.start, len(drawn) - own.stop))

    def measures(self, number: int) -> dict[str, float | None]:
        return {"lr": self.config.rate(number)}

    def skeletons(self, number: int, n: int) -> list[int]:
        """In which of `spaces` each architecture of a step is run."""
        return Random(f"{self.config.seed}/{number}/skeleton").choices(range(len(self.spaces)), k=n)

    def descend(self, losses: Tensor) -> Tensor:
        self.descent.optimizer.step()
        return losses

    def _network(self, arch: Any, skeleton: int) -> Network:
        network = self.paths.network(self.spaces[skeleton], arch).live()
        check_network(network.graph, self.task)
        return network


def run_identity(space: Space[Any], task: Task, config: MetaConfig, fabric: Fabric) -> dict[str, Any]:
    """What every training depends on."""
    return {
        "trainer": asdict(config),
        "task": task.checksum,
        "space": repr(space),
        "precision": precision_of(fabric),
    }
