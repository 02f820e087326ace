"""Training of any `Weights` that has parameters, over architectures sampled from a space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from math import cos, pi
from pathlib import Path
from random import Random
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import TrainingError
from ghn.graph.ir import Graph
from ghn.graph.module import GraphModule, run_graph
from ghn.graph.simplify import simplify
from ghn.spaces import skeletons_of
from ghn.tasks.augment import augment
from ghn.tasks.images import ImageTask
from ghn.train.meta_config import MetaConfig, make_optimizer
from ghn.train.run import STATE, Check, Run
from ghn.train.runtime import Unsearched, precision_of
from ghn.train.sampling import ArchitectureSampler, ImageSampler, PathSampler
from ghn.types import Space, WeightDict


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
            F.cross_entropy(self.logits(module, weights, xs), ys)
            for weights, (_, module), xs, ys in zip(made, lowered, images, labels, strict=True)
        ]
        self.descend(torch.stack(losses), archs)
        return torch.stack(losses).detach()

    def batch(self) -> tuple[Tensor, Tensor]:
        """The augmented images and the labels of this step."""
        x, y = self.train.batch(self.images(self.step))
        generator = torch.Generator(x.device).manual_seed(self.config.seed * 1_000_003 + self.step)
        return augment(x, generator, self.config.shift), y

    def logits(self, module: GraphModule, weights: WeightDict, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Runs a network, on `ghost` images at a time.

        Source: Hoffer, Hubara & Soudry, "Train longer, generalize better", NIPS 2017, alg. 1: ghost batch
        normalisation. Normalisation alone couples images, so running groups apart gives each its own statistics.
        """
        with self.fabric.autocast():
            parts = [run_graph(module, weights, part) for part in x.split(self.config.ghost or len(x))]
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

    def _lower(self, arch: Any, skeleton: int) -> tuple[Graph, GraphModule]:
        graph = simplify(self.architectures.lower(self.spaces[skeleton], arch))
        return graph, GraphModule(graph)

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
