"""One hypernetwork trained on several tasks at once, each with a space and a class head of its own."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from lightning_fabric import Fabric
from torch import nn

from ghn.errors import ConfigError
from ghn.nets.ghn import GHN
from ghn.train.loop import Update
from ghn.train.meta import MetaConfig, MetaStep
from ghn.types import Space, Task


class Part(NamedTuple):
    """A task of several: what is trained on it."""

    space: Space[Any]  # its networks read the task's inputs, and give its outputs
    task: Task


class SeveralTasks:
    """A step of training on every task: each draws its architectures and its batch, and all losses count the same.

    Args:
        net: with a class head for each task (`GHNConfig.tasks`); the first task's is that of `classes`.
        parts: by the names of the tasks in the net's config; the first, whose class head has no name, by any name.
        config: of the training; its `architectures` are those of each task.
        fabric: the device.

    Raises:
        ConfigError: a task without a class head, or a class head of another size.
    """

    def __init__(self, net: GHN, parts: Mapping[str, Part], config: MetaConfig, fabric: Fabric) -> None:
        heads = dict(zip(parts, [net.config.classes, *net.config.tasks.values()], strict=False))
        wanted = {name: part.task.output_shape[0] for name, part in parts.items()}
        if heads != wanted or list(parts)[1:] != list(net.config.tasks):
            raise ConfigError("the class heads are not those of the tasks", got=heads, expected=wanted)
        self.model: nn.Module = net
        self.steps = [
            MetaStep(net.for_task(name if i else None), part.space, part.task, config, fabric)
            for i, (name, part) in enumerate(parts.items())
        ]
        first = self.steps[0]
        self.config, self.averaged, self.optimizers = config, first.averaged, first.optimizers
        self.identity: Mapping[str, Any] = {
            "net": net.config.describe(),
            "trainer": first.identity["trainer"],
            "parts": {name: dict(step.identity) for name, step in zip(parts, self.steps, strict=True)},
        }

    def __call__(self, number: int) -> Update:
        for step in self.steps:
            step.look_ahead(number)
        drawn = [step.paths(number, self.config.architectures) for step in self.steps]
        losses = torch.cat([step.losses(number, own) for step, own in zip(self.steps, drawn, strict=True)])
        names = chain.from_iterable(map(step.paths.format, own) for step, own in zip(self.steps, drawn, strict=True))
        first = self.steps[0]
        return Update(partial(first.descend, first.descent.backward(losses, names, number)))

    def measures(self, number: int) -> dict[str, float | None]:
        return self.steps[0].measures(number)
