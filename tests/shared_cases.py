"""Banks and trainings of shared weights so small that a test can run them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import toy
from torch import Tensor

from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.darts import DartsConfig
from ghn.families.sharing.enas import EnasConfig
from ghn.families.sharing.oneshot import OneShotConfig
from ghn.spaces import DARTS
from ghn.train.meta import MetaConfig

SPACES = {"nasbench201": toy.SPACE, "darts": DARTS((3, 8, 8), classes=4, width=2, depth=3)}
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


def die_in(trainer: Any, method: str, step: int) -> None:
    original = getattr(trainer, method)

    def dying(*args: Any) -> Any:
        if trainer.step == step:
            raise Killed
        return original(*args)

    setattr(trainer, method, dying)
