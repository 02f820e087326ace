"""Training of any `Weights` that has parameters, over architectures sampled from a space."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from math import cos, pi
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import Tensor, nn
from tqdm import tqdm

from ghn.errors import CheckpointError, ConfigError, ExistsError, TrainingError
from ghn.graph.ir import Graph
from ghn.graph.module import GraphModule, run_graph
from ghn.graph.simplify import simplify
from ghn.spaces import skeletons_of
from ghn.tasks.augment import augment
from ghn.tasks.images import ImageTask
from ghn.train.checkpoint import fit_tensors, load_tensors, save_tensors
from ghn.train.runlog import RunLog
from ghn.train.runtime import Unsearched
from ghn.train.sampling import ArchitectureSampler, ImageSampler
from ghn.types import Space

STATE = "state.safetensors"
SCHEDULES = ("cosine", "constant")
Check = Callable[[nn.Module], dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class MetaConfig:
    """How a hypernetwork is trained.

    Attributes:
        steps: optimiser steps.
        architectures: architectures a step (the meta-batch).
        images: images an architecture and step; each architecture sees images of its own.
        lr: peak learning rate of AdamW, after a linear warm-up.
        schedule: `cosine` takes the rate to zero, `constant` leaves it, and the moving average settles instead.
        weight_decay: of AdamW.
        warmup: steps of warm-up.
        clip: greatest norm of the gradient.
        average: decay of the moving average of the parameters, which is what is saved and scored.
        shift: greatest random shift of a training image, in pixels.
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
    lr: float = 2e-3
    schedule: str = "cosine"
    weight_decay: float = 1e-2
    warmup: int = 100
    clip: float = 5.0
    average: float = 0.999
    shift: int = 2
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
        if not (self.lr > 0 and self.clip > 0 and 0 <= self.average < 1):
            raise ConfigError(
                "trainer: lr and clip must be positive, average in [0, 1)",
                got=f"lr {self.lr}, clip {self.clip}, average {self.average}",
            )


class MetaTrainer:
    """Trains a hypernetwork, or anything else whose `forward` makes weights for graphs.

    Every step is a function of the state before it and its number, so a run that was killed at any point and resumed
    gives bitwise the same weights, on a CPU with the same number of threads, as one that was not.

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
    ) -> None:
        self.config, self.fabric, self.folder, self.check = config, fabric, Path(folder), check
        self.step, self.seconds = 0, 0.0
        self._updating = False
        self.space, self.train = space, task.to(fabric.device).train
        self.identity = {"trainer": asdict(config), "task": task.checksum, "space": repr(space), **(identity or {})}
        self.optimizer: torch.optim.Optimizer
        plain = model.to(fabric.device)
        self.average = {name: p.detach().clone() for name, p in plain.named_parameters()}
        optimizer = torch.optim.AdamW(plain.parameters(), config.lr, weight_decay=config.weight_decay)
        self.plain = plain
        self.model, self.optimizer = fabric.setup(Unsearched(plain), optimizer)
        self.architectures = ArchitectureSampler(space, config.sampling, config.seed)
        batch = config.architectures * config.images
        self.images = ImageSampler(len(self.train), batch, config.seed, fabric.device)
        self.spaces = skeletons_of(space, config.skeletons)
        self.lowered = lru_cache(maxsize=2048)(self._lower)  # about 0.1 MB each
        if resume:
            self._load()
        elif (self.folder / STATE).exists() or (self.folder / "log.jsonl").exists():
            raise ExistsError(
                "the folder holds a run already",
                got=str(self.folder),
                fix="choose another folder, or resume it (resume=true)",
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def run(self, *, progress: bool = True) -> nn.Module:
        """Trains to the end, saving state on the way, also when interrupted.

        Returns:
            The model with averaged parameters.

        Raises:
            TrainingError: the loss is no longer finite; the state before that step has been saved.
        """
        if self.step == 0:  # so that a run killed before its first save can be resumed too
            self.save()
        log = RunLog(self.folder, self.step)
        bar = tqdm(
            total=self.config.steps,
            initial=self.step,
            disable=not progress,
            desc="training",
            unit="step",
            mininterval=1,
        )
        before, started = self.seconds, time.perf_counter()
        try:
            while self.step < self.config.steps:
                losses = self.train_step()
                self.seconds = before + time.perf_counter() - started
                bar.update()
                if self.step % self.config.log_every == 0 or self.step == self.config.steps:
                    loss = float(losses.mean())
                    bar.set_postfix(loss=f"{loss:.3f}")
                    log.write(self.step, loss=loss, lr=self._lr(self.step), seconds=self.seconds)
                if self.check and (self.step % self.config.check_every == 0 or self.step == self.config.steps):
                    log.write(self.step, **self.check(self.averaged()))
                if self.step % self.config.save_every == 0:
                    self.save()
        finally:  # also after Ctrl-C, unless it came amidst an update: then the state saved last is what is resumed
            if not self._updating:
                self.save()
            bar.close()
            log.close()
        return self.averaged()

    def train_step(self) -> Tensor:
        """One step; returns the loss (nats) of each architecture, shape [architectures]."""
        c = self.config
        archs = self.architectures(self.step, c.architectures)
        lowered = [self.lowered(*pair) for pair in zip(archs, self._skeletons(len(archs)), strict=True)]
        x, y = self.train.batch(self.images(self.step))
        generator = torch.Generator(x.device).manual_seed(c.seed * 1_000_003 + self.step)
        images, labels = augment(x, generator, c.shift).split(c.images), y.split(c.images)
        for group in self.optimizer.param_groups:
            group["lr"] = self._lr(self.step)
        made = self.model(lambda: [graph for graph, _ in lowered])
        losses = []
        for weights, (_, module), xs, ys in zip(made, lowered, images, labels, strict=True):
            with self.fabric.autocast():
                logits = run_graph(module, weights, xs)
            losses.append(F.cross_entropy(logits.float(), ys))
        loss = torch.stack(losses)
        self.optimizer.zero_grad()
        self.fabric.backward(loss.mean())
        norm = torch.nn.utils.clip_grad_norm_(self.plain.parameters(), c.clip)
        if not bool(torch.isfinite(norm + loss.sum())):
            self._stop(archs, loss.detach())
        self._updating = True
        self.optimizer.step()
        self._update_average()
        self.step += 1
        self._updating = False
        return loss.detach()

    def averaged(self) -> nn.Module:
        """A copy of the model with the averaged parameters."""
        twin = copy.deepcopy(self.plain).eval()
        twin.load_state_dict({**twin.state_dict(), **self.average})
        return twin

    def _skeletons(self, n: int) -> list[int]:
        """For each architecture of the step which of the spaces lowers it."""
        return Random(f"{self.config.seed}/{self.step}/skeleton").choices(range(len(self.spaces)), k=n)

    def _lower(self, arch: Any, skeleton: int) -> tuple[Graph, GraphModule]:
        graph = simplify(self.spaces[skeleton].lower(arch))
        return graph, GraphModule(graph)

    def _lr(self, step: int) -> float:
        c = self.config
        if step < c.warmup:
            return c.lr * (step + 1) / c.warmup
        if c.schedule == "constant":
            return c.lr
        return c.lr * 0.5 * (1 + cos(pi * (step - c.warmup) / max(1, c.steps - c.warmup)))

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.step) / (10 + self.step))  # short at first: forget the start
        own = dict(self.plain.named_parameters())
        torch._foreach_lerp_(list(self.average.values()), [own[k].detach() for k in self.average], 1 - decay)

    def _stop(self, archs: list[Any], losses: Tensor) -> None:
        bad = [
            self.space.format(a)
            for a, value in zip(archs, losses.tolist(), strict=True)
            if not abs(value) < float("inf")
        ]
        raise TrainingError(
            f"step {self.step + 1}: the loss or its gradient is no longer finite",
            got=f"candidates with such a loss: {bad}"
            if bad
            else f"a gradient, over the candidates {list(map(self.space.format, archs))}",
            fix=f"the state before this step is kept in {self.folder / STATE}; lower trainer.lr and start anew",
        )

    def save(self) -> None:
        """Writes the state, atomically."""
        state = {f"model/{k}": v for k, v in self.plain.state_dict().items()}
        state |= {f"average/{k}": v for k, v in self.average.items()}
        for name, parameter in self.plain.named_parameters():
            for key, value in self.optimizer.state.get(parameter, {}).items():
                state[f"optimizer/{name}/{key}"] = value
        save_tensors(
            self.folder / STATE,
            "training state",
            state,
            {"step": self.step, "seconds": self.seconds, "identity": self.identity},
        )

    def _load(self) -> None:
        path = self.folder / STATE
        tensors, header = load_tensors(path, "training state")
        card = header["card"]
        if card.get("identity") != self.identity:
            theirs, ours = card.get("identity", {}), self.identity
            changed = [k for k in ours if theirs.get(k) != ours[k]]
            raise CheckpointError(
                f"{path} belongs to a run with other settings: {', '.join(changed)} differ",
                got={k: theirs.get(k) for k in changed},
                expected={k: ours[k] for k in changed},
                fix="resume with the settings it was started with",
            )
        fit_tensors(self.plain, {k[6:]: v for k, v in tensors.items() if k.startswith("model/")}, path)
        self.average = {k: tensors[f"average/{k}"].to(self.fabric.device) for k in self.average}
        for name, parameter in self.plain.named_parameters():
            prefix = f"optimizer/{name}/"
            if found := {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}:
                device = {k: v if k == "step" else v.to(self.fabric.device) for k, v in found.items()}
                self.optimizer.state[parameter] = device
        self.step, self.seconds = int(card["step"]), float(card.get("seconds", 0.0))
