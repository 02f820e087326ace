"""How a hypernetwork, or a bank of shared weights, is trained: the settings, and the optimiser that they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ghn.errors import ConfigError

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
