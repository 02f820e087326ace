"""Sources of weights and estimators in spaces of a user's own: a CNN, tables, signals, a ViT, given modules."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from conformance.estimator import ESTIMATOR_CHECKS
from conformance.test_spaces import SPACES
from conformance.weights import WEIGHTS_CHECKS
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.roles import roles_of
from ghn.families.sharing.smash import Smash, SmashConfig
from ghn.families.training.full import TrainingEstimator
from ghn.nets import GHN, GHNConfig, RandomInit
from ghn.nets.vocabulary import grown_for
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import FunctionSpace
from ghn.tasks import from_arrays
from ghn.train.network import Recipe
from ghn.types import Space, Task

OWN = ("a function, a CNN", "a function, tables", "a function, signals", "a function, a ViT", "modules")
SMALL: dict[str, Any] = {"hidden": 16, "heads": 2, "layers": 1, "decoder_hidden": 16, "channels": 8}


@cache
def members(name: str) -> list[Any]:
    """Three of different functions."""
    rng, space, found = Random(3), SPACES[name], dict[Any, Any]()
    while len(found) < 3:
        found.setdefault(space.canonical(arch := space.sample(rng)), arch)
    return list(found.values())


@cache
def task_of(name: str) -> Task:
    space = SPACES[name]
    shape = space.input_shape if isinstance(space, FunctionSpace) else (20,)
    rng, classes = np.random.default_rng(0), space.network(members(name)[0]).graph.output_shape[0]
    inputs = rng.integers(0, 256, (100, *shape), dtype=np.uint8) if len(shape) == 3 else rng.normal(size=(100, *shape))
    return from_arrays("own", (inputs, np.arange(100) % classes))


@cache
def made(weights: str, name: str) -> Any:
    space, classes = SPACES[name], task_of(name).output_shape[0]
    torch.manual_seed(0)
    if weights == "ghn3":
        return GHN(grown_for(GHNConfig(classes, **SMALL), space)).eval()
    if weights == "bank":
        return Bank(BankConfig("oneshot", classes, roles=roles_of(space)), space)
    return Smash(
        SmashConfig(classes=classes, unit=4, hidden=8, blocks=1, roles=roles_of(space, convolutions=False)), space
    )


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("weights", ["ghn3", "bank", "smash"])
def test_weights(weights: str, name: str) -> None:
    if (weights, name) == ("smash", "a function, a ViT"):
        pytest.skip("SMASH emits kernels up to 3 here, patches have 4")
    for check in WEIGHTS_CHECKS:
        check(made(weights, name), [SPACES[name].network(arch).graph for arch in members(name)])


Make = Callable[[Space[Any], Task, Fabric, str], Any]
SAMPLE = Sample(val=10, ridge_train=40, ridge_val=10, batch=10)
ESTIMATORS: dict[str, Make] = {
    "generated weights": lambda space, task, fabric, name: WeightedEstimator(
        made("ghn3", name), space, task, fabric, sample=SAMPLE
    ),
    "shared weights": lambda space, task, fabric, name: WeightedEstimator(
        made("bank", name), space, task, fabric, sample=SAMPLE
    ),
    "random weights": lambda space, task, fabric, name: WeightedEstimator(
        RandomInit(), space, task, fabric, sample=SAMPLE
    ),
    "synflow": lambda space, task, fabric, name: make_zero_cost("synflow", space, task, fabric, batch=8),
    "params": lambda space, task, fabric, name: make_zero_cost("params", space, task, fabric, batch=8),
    "training": lambda space, task, fabric, name: TrainingEstimator(
        space, task, Recipe(epochs=2, batch_size=20), fabric
    ),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_estimators(estimator: str, name: str, fabric: Fabric) -> None:
    judge = ESTIMATORS[estimator](SPACES[name], task_of(name), fabric, name)
    archs = members(name)
    for check in ESTIMATOR_CHECKS:
        if check.__name__ == "one_score_a_trial" and estimator == "training":
            continue  # with ten items to validate on, accuracies are often the same
        check(judge, archs)
