"""Banks and trainings of shared weights so small that a test can run them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import toy
from lightning_fabric import Fabric
from torch import Tensor

from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.darts import DartsConfig, DartsStep
from ghn.families.sharing.enas import EnasConfig, EnasStep
from ghn.families.sharing.paths import OneShotConfig, one_shot_paths
from ghn.spaces import DARTS, NASBenchMacro
from ghn.tasks import ImageTask
from ghn.train.loop import Loop, Step
from ghn.train.meta import Descent, MetaConfig, MetaStep

SPACES = {
    "nasbench201": toy.SPACE,
    "darts": DARTS((3, 8, 8), classes=4, width=2, depth=3),
    "macro": NASBenchMacro((3, 8, 8), classes=4, width=2),
}
TRAINER = MetaConfig(
    steps=4,
    architectures=2,
    images=8,
    optimizer="sgd",
    lr=0.05,
    warmup=1,
    sampling="uniform",
    save_every=2,
    log_every=1,
    check_every=2,
)
METHODS: dict[str, Any] = {
    "oneshot": OneShotConfig(),
    "dropout": OneShotConfig(paths="dropout", drop=0.5),
    "enas": EnasConfig(hidden=8, every=2, policy_steps=2, samples=2, images=8),
    "darts": DartsConfig(order=1, images=8),
    "darts2": DartsConfig(order=2, images=8),
}


def make_bank(space: Any = toy.SPACE, method: str = "oneshot", seed: int = 0, **config: Any) -> Bank:
    """A bank with weights in which no two channels are alike."""
    bank = Bank(BankConfig(method, space.classes, **config), space, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in bank.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return bank


def one_hot(space: Any, chosen: tuple[int, ...]) -> list[Tensor]:
    """For each choice all weight on one option."""
    return [torch.eye(len(c.options))[o] for c, o in zip(space.choices(), chosen, strict=True)]


Loss = Callable[..., Tensor]


class Killed(BaseException):
    """Stands for Ctrl-C."""


def make_run(
    name: str,
    folder: Path,
    fabric: Fabric,
    space: Any = toy.SPACE,
    config: MetaConfig = TRAINER,
    *,
    task: ImageTask | None = None,
    seed: int = 0,
    resume: bool = False,
) -> Loop:
    """A training of shared weights, one of `METHODS`."""
    method = METHODS[name]
    parts = (make_bank(space, seed=seed), space, task or toy.make_task(), config)
    step: Step
    if isinstance(method, EnasConfig):
        step = EnasStep(*parts, method, fabric)
    elif isinstance(method, DartsConfig):
        step = DartsStep(*parts, method, fabric)
    else:
        step = MetaStep(*parts, fabric, paths=one_shot_paths(method, space, config))
    return Loop(step, config, fabric, folder, resume=resume)


def die(run: Loop, where: str, step: int) -> None:
    """Lets a run be killed in a step: `before` its first change, or `amidst` its changes."""
    owner: Any = run if where == "amidst" else weights_of(run.step)
    method = "_update_average" if where == "amidst" else "batch"
    original = getattr(owner, method)

    def dying(*args: Any) -> Any:
        if run.done == step:
            raise Killed
        return original(*args)

    setattr(owner, method, dying)


def weights_of(step: Any) -> Descent:
    """What trains the weights in a step."""
    return (step.weights if isinstance(step, EnasStep) else step).descent
