"""What is done with any space, in spaces of a user's own functions and modules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from function_spaces import SHAPE, chain, cnn, tiny
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from torch import nn
from toy_models import NET, SAMPLE

from ghn.errors import CheckpointError, ConfigError
from ghn.families.morphism.estimator import MorphismEstimator
from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.roles import roles_of
from ghn.families.sharing.smash import SmashSizes
from ghn.families.sharing.train import train_shared
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.nets.ghn import GHNConfig
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.train_model import train_hypernetwork
from ghn.scoring.zero_cost import make_zero_cost
from ghn.search.registry import make_searcher
from ghn.spaces import FunctionSpace, ModuleSpace
from ghn.tasks import ImageTask
from ghn.train.meta import MetaConfig
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Score, Space, Trial

OPTIONS: dict[str, Any] = {"scoring_task": None, "check": 0, "progress": False}
TINY = MetaConfig(steps=2, architectures=2, images=8, warmup=1)


@pytest.fixture(scope="module")
def space() -> FunctionSpace:
    return FunctionSpace(cnn, SHAPE, 4)


def drawn(space: Space[Any], n: int = 4) -> list[Any]:
    rng = Random(2)
    return [space.sample(rng) for _ in range(n)]


def good(scores: list[Score]) -> list[float]:
    assert all(score.ok for score in scores), [score.error for score in scores]
    return [score.value for score in scores]


def test_a_hypernetwork_and_its_checkpoint(
    toy_task: ImageTask, fabric: Fabric, space: FunctionSpace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = FunctionSpace(chain(9), SHAPE, 4)  # cannot be listed: the default way to sample works all the same
    monkeypatch.setattr("ghn.nets.vocabulary.MEMBERS", 8)
    for k, one in enumerate((space, large)):
        folder = tmp_path / str(k)
        model = train_hypernetwork(GHNConfig(4, **NET), one, toy_task, TINY, fabric, folder, **OPTIONS)
        archs = drawn(one)
        values = good(model.score(archs, task=toy_task, sample=SAMPLE))
        again = load(folder / CHECKPOINT, fabric=fabric, space=one)
        assert values == good(again.score([one.format(a) for a in archs], task=toy_task, sample=SAMPLE))
    good(model.rank(drawn(large, 24), task=toy_task))
    path = tmp_path / "0" / CHECKPOINT
    with pytest.raises(CheckpointError, match=r"(?s)its user's own.*function_spaces:cnn.*space=FunctionSpace"):
        load(path, fabric=fabric)
    with pytest.raises(CheckpointError, match="made for another space: source, target differ"):
        load(path, fabric=fabric, space=FunctionSpace(tiny, SHAPE, 4))
    with pytest.raises(CheckpointError, match="made for another space: classes differ"):
        load(path, fabric=fabric, space=FunctionSpace(cnn, SHAPE, 5))
    changed = FunctionSpace(cnn, SHAPE, 4)
    changed.source = "another"
    with pytest.raises(CheckpointError, match=r"(?s)another version of the source of \w+:cnn.*train it again"):
        load(path, fabric=fabric, space=changed)


@pytest.mark.parametrize("build", [cnn, chain(9)], ids=["listed", "large"])
@pytest.mark.parametrize("method", ["oneshot", "enas", "smash"])
def test_shared_weights(
    build: Callable[[Any], nn.Module],
    method: str,
    toy_task: ImageTask,
    fabric: Fabric,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ghn.families.sharing.roles.SAMPLED", 10)
    monkeypatch.setattr("ghn.spaces.function.LOOKED_AT", 20)
    space = FunctionSpace(build, SHAPE, 4)
    config = SmashSizes(unit=4, hidden=8, blocks=1) if method == "smash" else METHODS[method]
    model = train_shared(config, space, toy_task, TRAINER, fabric, tmp_path, **OPTIONS)
    values = good(model.score(drawn(space), task=toy_task, sample=SAMPLE))
    assert values == good(
        load(tmp_path / CHECKPOINT, fabric=fabric, space=space).score(drawn(space), task=toy_task, sample=SAMPLE)
    )
    if method == "enas":
        assert space.parse(model.card["found"]["architecture"])


def test_members_that_cannot_be_built_are_failures_and_not_trained(
    toy_task: ImageTask, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def partly(choose: Any) -> nn.Module:
        if choose("broken", [False, True]):
            raise ValueError("broken")
        return chain(9)(choose)

    monkeypatch.setattr("ghn.nets.vocabulary.MEMBERS", 8)
    space = FunctionSpace(partly, SHAPE, 4)
    model = train_hypernetwork(GHNConfig(4, **NET), space, toy_task, TINY, fabric, tmp_path, **OPTIONS)
    scores = model.score(drawn(space, 8), task=toy_task, sample=SAMPLE)
    assert {score.ok for score in scores} == {True, False}
    assert all("build fails for broken=True" in str(score.error) for score in scores if not score.ok)


def test_a_role_that_was_never_met_is_a_counted_failure(
    toy_task: ImageTask, fabric: Fabric, space: FunctionSpace, tmp_path: Path
) -> None:
    model = train_shared(METHODS["oneshot"], space, toy_task, TRAINER, fabric, tmp_path, **OPTIONS)
    graph = FunctionSpace(cnn, SHAPE, 4).network(space.sample(Random(0))).graph
    roles = roles_of(space)
    head = next(key for key in roles if graph.params()[-1].name in key)
    model.net = Bank(BankConfig("oneshot", 4, roles={k: v for k, v in roles.items() if k != head}), space)
    scores = model.score(drawn(space, 30), task=toy_task, sample=SAMPLE)
    failed = [score.error for score in scores if not score.ok]
    assert failed and len(failed) < 30 and all("the bank holds no weights for" in str(why) for why in failed)


def test_darts_is_refused_with_a_reason(
    toy_task: ImageTask, fabric: Fabric, space: FunctionSpace, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"(?s)all options stand side by side.*oneshot, enas, smash or ghn"):
        train_shared(METHODS["darts"], space, toy_task, TRAINER, fabric, tmp_path, **OPTIONS)


@pytest.mark.parametrize("proxy", ZERO_COST)
def test_every_proxy(proxy: str, toy_task: ImageTask, fabric: Fabric, space: FunctionSpace) -> None:
    trials = [Trial(str(i), arch) for i, arch in enumerate(drawn(space))]
    good(make_zero_cost(proxy, space, toy_task, fabric, batch=8).score(trials))


def test_trainings_and_surrogates(toy_task: ImageTask, fabric: Fabric, space: FunctionSpace) -> None:
    trials = [Trial(str(i), arch) for i, arch in enumerate(drawn(space, 20))]
    recipe = Recipe(epochs=2, batch_size=20)
    good(
        LowFidelityEstimator(space, toy_task, recipe, fabric, fidelity=Fidelity(1, data=0.5, size=4)).score(trials[:2])
    )
    surrogate = SurrogateEstimator(space, ("statistics", "summary"), "random_forest", folds=2)
    surrogate.fit([(trial, Score(sum(space.encode(trial.arch).values()))) for trial in trials])
    good(surrogate.score(trials))
    largest = space.parse('{"width": 8, "act": "relu", "depth": 3, "kernel0": 3, "kernel1": 3, "kernel2": 3}')
    heirs = MorphismEstimator(space, toy_task, recipe, fabric, ancestor=largest, epochs=1, images=16)
    smaller = [(*largest[:-1], ("kernel2", 1)), (largest[0], ("act", "gelu"), *largest[2:])]
    good(heirs.score([Trial(f"heir {i}", arch) for i, arch in enumerate(smaller)]))


@pytest.mark.parametrize("name", ["random", "evolution", "pnas"])
def test_searches(name: str, space: FunctionSpace) -> None:
    searcher = make_searcher(name, space, seed=0)
    for _ in range(12):
        for trial in searcher.ask(1):
            searcher.tell(trial, Score(float(space.encode(trial.arch)["width"])))


def test_given_modules(toy_task: ImageTask, fabric: Fabric) -> None:
    def network(width: int) -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4)
        )

    modules = {"narrow": network(4), "wide": network(8), "same": network(4)}
    before = {name: {k: v.clone() for k, v in m.state_dict().items()} for name, m in modules.items()}
    space = ModuleSpace(modules, torch.zeros(2, *SHAPE))
    assert space.distinct() == ["narrow", "wide"] and list(space.neighbours("wide")) == ["narrow", "same"]
    values = good(make_zero_cost("synflow", space, toy_task, fabric).score([Trial(n, n) for n in modules]))
    assert values[0] == values[2] != values[1]
    assert all(torch.equal(v, before[n][k]) for n, m in modules.items() for k, v in m.state_dict().items())
