"""How a hypernetwork, or a bank of shared weights, is trained: the settings, and the optimiser that they name.

What a step of training sees: drawn from the seed and the step's number alone, so that any step can be redone.

Training of any `Weights` that has parameters, over architectures sampled from a space.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import cos, pi
from pathlib import Path
from random import Random
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError, TrainingError
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.spaces import skeletons_of
from ghn.tasks.images import ImageTask
from ghn.tasks.transforms import augment
from ghn.train.run import STATE, Check, Run
from ghn.train.runtime import Unsearched, precision_of
from ghn.types import Space, WeightDict

SCHEDULES = ("cosine", "constant")
OPTIMIZERS = ("adamw", "sgd")


@dataclass(frozen=True, slots=True)
class MetaConfig:
    """How a hypernetwork, or a bank of shared weights, is trained.

    Attributes:
        steps: optimiser steps.
        architectures: architectures a step (the meta-batch).
        images: images an architecture and step; each architecture sees images of its own.
        optimizer: `adamw`, or `sgd` with Nesterov momentum. Either leaves alone what no architecture of a step uses.
        lr: peak learning rate, after a linear warm-up.
        schedule: `cosine` takes the rate to zero, `constant` leaves it, and the moving average settles instead.
        momentum: of `sgd`.
        weight_decay: of the optimiser.
        warmup: steps of warm-up.
        clip: greatest norm of the gradient.
        average: decay of the moving average of the parameters, which is what is saved and scored.
        shift: greatest random shift of a training image, in pixels.
        ghost: images that are normalised together; 0: all of an architecture's.
        sampling: `distinct` or `uniform`, see `ArchitectureSampler`.
        skeletons: settings of the space, such as `{"depth": 3}`, one of which is drawn for each architecture of a step;
            none: the space as it is. A hypernetwork that has seen several can score in each of them.
        seed: of everything drawn.
        save_every: steps between saved states.
        log_every: steps between lines in the log.
        check_every: steps between ranking checks.
    """

    steps: int = 20_000
    architectures: int = 8
    images: int = 32
    optimizer: str = "adamw"
    lr: float = 2e-3
    schedule: str = "cosine"
    momentum: float = 0.9
    weight_decay: float = 1e-2
    warmup: int = 100
    clip: float = 5.0
    average: float = 0.999
    shift: int = 2
    ghost: int = 0
    sampling: str = "distinct"
    skeletons: Sequence[Mapping[str, Any]] = ()
    seed: int = 0
    save_every: int = 500
    log_every: int = 20
    check_every: int = 1000

    def __post_init__(self) -> None:
        object.__setattr__(self, "skeletons", [dict(s) for s in self.skeletons])  # equal to what JSON gives back
        for name in ("steps", "architectures", "images", "save_every", "log_every", "check_every"):
            if not isinstance(value := getattr(self, name), int) or value < 1:
                raise ConfigError(f"trainer: {name} must be a whole number of at least 1", got=value)
        if self.schedule not in SCHEDULES:
            raise ConfigError("trainer: unknown schedule", got=self.schedule, expected=" | ".join(SCHEDULES))
        if self.optimizer not in OPTIMIZERS:
            raise ConfigError("trainer: unknown optimizer", got=self.optimizer, expected=" | ".join(OPTIMIZERS))
        if not 0 <= self.momentum < 1 or self.ghost < 0 or (self.ghost and self.images % self.ghost):
            raise ConfigError(
                "trainer: momentum must be in [0, 1), and ghost divide images or be 0",
                got=f"momentum {self.momentum}, ghost {self.ghost}, images {self.images}",
            )
        if not (self.lr > 0 and self.clip > 0 and 0 <= self.average < 1):
            raise ConfigError(
                "trainer: lr and clip must be positive, average in [0, 1)",
                got=f"lr {self.lr}, clip {self.clip}, average {self.average}",
            )


def make_optimizer(weights: Sequence[nn.Parameter], config: MetaConfig) -> torch.optim.Optimizer:
    """Makes the optimiser of weights that a config names."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            weights, config.lr, config.momentum, weight_decay=config.weight_decay, nesterov=config.momentum > 0
        )
    return torch.optim.AdamW(weights, config.lr, weight_decay=config.weight_decay)


# --- What a step of training sees: drawn from the seed and the step's number alone, so that any step can be redone ---

SAMPLINGS = ("distinct", "uniform")


class PathSampler(Protocol):
    """What a step of training runs: members of a space, or several of its options at once."""

    def __call__(self, step: int, n: int) -> list[Any]:
        """Draws `n` hashable descriptions for a step, from the seed, the step's number and saved state alone."""
        ...

    def lower(self, space: Space[Any], drawn: Any) -> Graph:
        """The graph of a description."""
        ...

    def format(self, drawn: Any) -> str:
        """A description in words, for error messages."""
        ...


class ArchitectureSampler:
    """Draws the architectures of a step.

    Args:
        space: where they come from.
        sampling: `distinct` draws functions uniformly where the space can list them (`space.distinct()`), so that those
            with many equivalent descriptions are not seen more often; `uniform` draws descriptions.
        seed: of the run.
        exclude: canonical keys never drawn, such as those of held-out architectures.
    """

    def __init__(self, space: Space[Any], sampling: str, seed: int, exclude: frozenset[Hashable] = frozenset()) -> None:
        if sampling not in SAMPLINGS:
            raise ConfigError("unknown sampling", got=sampling, expected=" | ".join(SAMPLINGS))
        self.space, self.seed, self.exclude = space, seed, exclude
        self._pool: Sequence[Any] | None = None
        if sampling == "distinct":
            if not hasattr(space, "distinct"):
                raise ConfigError(
                    f"space {space.name} cannot list its functions",
                    got="sampling=distinct",
                    fix="use sampling=uniform (trainer.sampling=uniform)",
                )
            self._pool = [a for a in space.distinct() if space.canonical(a) not in exclude]

    def __call__(self, step: int, n: int) -> list[Any]:
        """Draws `n` architectures for a step."""
        rng = Random(f"{self.seed}/{step}")
        if self._pool is not None:
            return rng.choices(self._pool, k=n)
        out: list[Any] = []
        while len(out) < n:
            arch = self.space.sample(rng)
            if self.space.canonical(arch) not in self.exclude:
                out.append(arch)
        return out

    def lower(self, space: Space[Any], drawn: Any) -> Graph:
        """The graph of a member."""
        return space.network(drawn).graph

    def format(self, drawn: Any) -> str:
        """The official string."""
        return self.space.format(drawn)


class ImageSampler:
    """Goes through a split of `size` images in a new random order each epoch.

    Indices are made on `device`; they depend on the seed and the device's kind only.
    """

    def __init__(self, size: int, batch: int, seed: int, device: torch.device) -> None:
        if batch > size:
            raise ConfigError("a batch is larger than the train split", got=batch, expected=f"at most {size} images")
        self.batch, self.per_epoch = batch, size // batch

        @lru_cache(maxsize=1)
        def order(epoch: int) -> Tensor:
            generator = torch.Generator(device).manual_seed(seed * 1_000_003 + epoch)
            return torch.randperm(size, generator=generator, device=device)

        self._order = order

    def __call__(self, step: int) -> Tensor:
        """Indices of the images of a step."""
        epoch, k = divmod(step, self.per_epoch)
        return self._order(epoch)[k * self.batch : (k + 1) * self.batch]


# --- Training of any `Weights` that has parameters, over architectures sampled from a space ---


class MetaTrainer(Run):
    """Trains a hypernetwork, or anything else whose `forward` makes weights for graphs.

    Args:
        model: an `nn.Module` that is a `Weights`.
        space: of the architectures.
        task: only its train split is used.
        config: how to train.
        fabric: the device.
        folder: of the run, for its state and log.
        resume: go on from the state in the folder.
        check: measures the averaged model now and then; its numbers are logged beside the loss.
        identity: what else a run must have in common with the one it resumes, JSON-able, such as the model's settings.
        paths: gives each step its architectures; by default as `config.sampling` says.
        policy: the optimiser of those parameters of the model that do not make weights but choose architectures; they
            are none of this class's business, but that they are saved.

    Raises:
        ExistsError: the folder holds a run and `resume` is not set.
        CheckpointError: nothing to resume, or the state belongs to another run.
    """

    def __init__(
        self,
        model: nn.Module,
        space: Space[Any],
        task: ImageTask,
        config: MetaConfig,
        fabric: Fabric,
        folder: Path | str,
        *,
        resume: bool = False,
        check: Check | None = None,
        identity: Mapping[str, Any] | None = None,
        paths: PathSampler | None = None,
        policy: torch.optim.Optimizer | None = None,
    ) -> None:
        self.config = config
        self.space, self.train = space, task.to(fabric.device).train
        plain, apart = model.to(fabric.device), set(policy.param_groups[0]["params"] if policy else ())
        weights = {name: p for name, p in plain.named_parameters() if p not in apart}
        self.weights = list(weights.values())
        optimizer = make_optimizer(self.weights, config)
        self.optimizer: torch.optim.Optimizer
        self.model, self.optimizer = fabric.setup(Unsearched(plain), optimizer)
        self.architectures = paths or ArchitectureSampler(space, config.sampling, config.seed)
        batch = config.architectures * config.images
        self.images = ImageSampler(len(self.train), batch, config.seed, fabric.device)
        self.spaces = skeletons_of(space, config.skeletons)
        self.lowered = lru_cache(maxsize=2048)(self._lower)  # about 0.1 MB each
        super().__init__(
            plain,
            list(weights),
            {"optimizer": self.optimizer, **({"policy": policy} if policy else {})},
            config,
            fabric,
            folder,
            resume=resume,
            check=check,
            identity={
                "trainer": asdict(config),
                "task": task.checksum,
                "space": repr(space),
                "precision": precision_of(fabric),
                **(identity or {}),
            },
        )

    def train_step(self) -> Tensor:
        """One step; returns the loss (nats) of each architecture, shape [architectures]."""
        c = self.config
        archs = self.architectures(self.step, c.architectures)
        lowered = [self.lowered(*pair) for pair in zip(archs, self._skeletons(len(archs)), strict=True)]
        x, y = self.batch()
        images, labels = x.split(c.images), y.split(c.images)
        made = self.model(lambda: [graph for graph, _ in lowered])
        losses = [
            F.cross_entropy(self.logits(program, weights, xs), ys)
            for weights, (_, program), xs, ys in zip(made, lowered, images, labels, strict=True)
        ]
        self.descend(torch.stack(losses), archs)
        return torch.stack(losses).detach()

    def batch(self) -> tuple[Tensor, Tensor]:
        """The augmented images and the labels of this step."""
        x, y = self.train.batch(self.images(self.step))
        generator = torch.Generator(x.device).manual_seed(self.config.seed * 1_000_003 + self.step)
        return augment(x, generator, self.config.shift), y

    def logits(self, program: Interpreter, weights: WeightDict, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Runs a network, on `ghost` images at a time.

        Source: Hoffer, Hubara & Soudry, "Train longer, generalize better", NIPS 2017, alg. 1: ghost batch
        normalisation. Normalisation alone couples images, so running groups apart gives each its own statistics.
        """
        with self.fabric.autocast():
            parts = [program.run(weights, part).output for part in x.split(self.config.ghost or len(x))]
        return torch.cat(parts).float()

    def descend(self, loss: Tensor, archs: Sequence[Any]) -> None:
        """Takes the step that these losses, one an architecture, ask of the weights; then what is left to do.

        Raises:
            TrainingError: a loss or the gradient is not finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(self.step)
        self.optimizer.zero_grad()
        self.fabric.backward(loss.mean())
        norm = torch.nn.utils.clip_grad_norm_(self.weights, self.config.clip)
        if not bool(torch.isfinite(norm + loss.sum())):
            self._stop(archs, loss.detach())
        self._updating = True
        self.optimizer.step()
        self._update_average()
        self.after_update()
        self.step += 1
        self._updating = False

    def after_update(self) -> None:
        """What else a step changes: nothing here."""

    def measures(self) -> dict[str, float | None]:
        """The learning rate."""
        return {"lr": self._lr(self.step)}

    def _skeletons(self, n: int) -> list[int]:
        """For each architecture of the step which of the spaces lowers it."""
        return Random(f"{self.config.seed}/{self.step}/skeleton").choices(range(len(self.spaces)), k=n)

    def _lower(self, arch: Any, skeleton: int) -> tuple[Graph, Interpreter]:
        graph = simplify(self.architectures.lower(self.spaces[skeleton], arch))
        return graph, Interpreter(graph)

    def _lr(self, step: int) -> float:
        c = self.config
        if step < c.warmup:
            return c.lr * (step + 1) / c.warmup
        if c.schedule == "constant":
            return c.lr
        return c.lr * 0.5 * (1 + cos(pi * (step - c.warmup) / max(1, c.steps - c.warmup)))

    def _stop(self, archs: Sequence[Any], losses: Tensor) -> None:
        names = [self.architectures.format(arch) for arch in archs]
        bad = [name for name, value in zip(names, losses.tolist(), strict=True) if not abs(value) < float("inf")]
        raise TrainingError(
            f"step {self.step + 1}: the loss or its gradient is no longer finite",
            got=f"candidates with such a loss: {bad}" if bad else f"a gradient, over the candidates {names}",
            fix=f"the last good state is kept in {self.folder / STATE}; lower trainer.lr and start anew",
        )
