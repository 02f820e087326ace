"""Training of shared weights from first to last: one-shot, by ENAS, by DARTS, or emitted by SMASH."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ghn.arguments import check_names
from ghn.errors import check_known
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.darts import DartsConfig, DartsStep
from ghn.families.sharing.enas import EnasConfig, EnasStep
from ghn.families.sharing.memory_code import encode
from ghn.families.sharing.paths import OneShotConfig, one_shot_paths, shared_paths
from ghn.families.sharing.roles import roles_of
from ghn.families.sharing.smash import Smash, SmashConfig, SmashSizes
from ghn.scoring.model import Model
from ghn.scoring.train_model import train_weights
from ghn.spaces import skeletons_of
from ghn.spaces.choices import choice_space
from ghn.tasks.outputs import count_outputs
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import check_memory
from ghn.types import Space, Task

LOOKED_AT = 10  # networks of a space whose kernels are looked at before a training
MethodConfig = OneShotConfig | EnasConfig | DartsConfig | SmashSizes
METHODS: dict[str, Callable[..., MethodConfig]] = {
    "oneshot": OneShotConfig,
    "enas": EnasConfig,
    "darts": DartsConfig,
    "smash": SmashSizes,
}


def make_method(method: str, **options: Any) -> MethodConfig:
    """Makes the config of a way to share weights from its name."""
    check_known("way to share weights", method, METHODS)
    check_names("option", f"weights={method}", METHODS[method], options)
    return METHODS[method](**options)


def train_shared(
    config: MethodConfig,
    space: Space[Any],
    task: Task,
    trainer: MetaConfig,
    fabric: Fabric,
    folder: Path | str,
    *,
    resume: bool = False,
    **options: Any,
) -> Model:
    """Trains a bank, or SMASH, and writes `checkpoint.safetensors` beside the run's state and log.

    ENAS and DARTS add the architecture that they found to the card, under `found`.

    Args:
        config: what is trained, and how.
        space: of the architectures; for DARTS a `Choices`, for ENAS a `Decisions`.
        task: only its train split is learnt from.
        trainer: how the weights are trained.
        fabric: the device.
        folder: of the run.
        resume: go on with the run in the folder.
        options: `scoring_task`, `check`, `references`, `snapshots`, `progress` and `command` of `train_hypernetwork`.

    Raises:
        ConfigError: the space does not have what the method needs, or settings do not fit.
        ExistsError: the folder holds a run and `resume` is not set.
        TrainingError: the loss is no longer finite; the last good state has been saved.
    """
    method = next(name for name, kind in METHODS.items() if kind is type(config))
    if method == "darts":  # refused before anything is made
        choice_space(space)
    step = _make_step(config, method, space, task, trainer, fabric)
    searches = isinstance(step, (EnasStep, DartsStep))

    def card(trained: nn.Module) -> dict[str, Any]:
        found = {"found": step.found(trained, trainer.steps)} if isinstance(step, (EnasStep, DartsStep)) else {}
        return {"weights": {"method": method, **asdict(config)}, **found}

    net_of = attrgetter("bank") if searches else None
    return train_weights(step, space, task, trainer, fabric, folder, resume=resume, card=card, net_of=net_of, **options)


def _check_kernels(space: Space[Any], trainer: MetaConfig, sizes: SmashConfig) -> None:
    """Refuses a space with convolutions that SMASH cannot emit, as far as some of its networks show them.

    Raises:
        GraphError: it has such.
    """
    rng = Random(trainer.seed)
    for variant in skeletons_of(space, trainer.skeletons)[:1]:
        for _ in range(LOOKED_AT):
            encode(variant.network(variant.sample(rng)).live().graph, sizes.unit, sizes.kernel)


def _make_step(
    config: MethodConfig, method: str, space: Space[Any], task: Task, trainer: MetaConfig, fabric: Fabric
) -> MetaStep | EnasStep | DartsStep:
    classes, smash = count_outputs(task), isinstance(config, SmashSizes)
    roles = roles_of(space, trainer.skeletons, convolutions=not smash)
    if isinstance(config, SmashSizes):
        sizes = SmashConfig(**asdict(config), classes=classes, skeletons=trainer.skeletons, roles=roles)
        check_memory(fabric, sizes.hidden * sizes.unit**2 * sizes.kernel**2)  # of its last layer
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(trainer.seed)
            net = Smash(sizes, space, trainer.seed)
        _check_kernels(space, trainer, sizes)
        paths, identity = shared_paths(space, trainer), {"weights": sizes.describe()}
        return MetaStep(net, space, task, trainer, fabric, paths=paths, identity=identity)
    bank = Bank(BankConfig(method, classes, trainer.skeletons, roles), space, trainer.seed)
    if isinstance(config, EnasConfig):
        return EnasStep(bank, space, task, trainer, config, fabric)
    if isinstance(config, DartsConfig):
        return DartsStep(bank, space, task, trainer, config, fabric)
    paths = one_shot_paths(config, space, trainer)
    return MetaStep(bank, space, task, trainer, fabric, paths=paths, identity={"weights": asdict(config)})
