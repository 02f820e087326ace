"""Rank, proxies, surrogates and populations in small spaces of every kind.

Some of those here name variants of their own, in which they are read; the others, such as the space of the docs, are
read as they are.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
import toy
from lightning_fabric import Fabric
from toy_models import NET, toy_card

from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.vocabulary import grown_for
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.model import Model
from ghn.scoring.ranker import ghn_member
from ghn.scoring.readouts import Sample
from ghn.scoring.train_model import train_hypernetwork
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces import DARTS, SPACES
from ghn.tasks import ImageTask, make_task
from ghn.train.meta import MetaConfig
from ghn.types import Readable, Score, Space, Trial

PAGE = Path(__file__).parents[2] / "docs/add-a-space.md"


def documented_chain() -> Any:
    """The class `Chain` of the documentation."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = [one for one in blocks if "class Chain" in one]
    module = type(sys)("documented_chain")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(block, str(PAGE), "exec"), module.__dict__)
    return module.Chain


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    SPACES["chain"] = documented_chain()
    yield
    del SPACES["chain"]


@pytest.fixture(params=["darts", "chain", "vit", "macro", "nats_size"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


SETTINGS: dict[str, dict[str, Any]] = {
    "darts": {"width": 2, "depth": 3},
    "chain": {"width": 4, "depth": 4},
    "vit": {"patches": (2,), "widths": (8, 12), "depths": (1, 2), "heads": (1, 2), "head_size": 4},
    "macro": {"width": 1},
    "nats_size": {"width": 1},
}


def make(name: str, size: int, classes: int) -> Space[Any]:
    return SPACES[name]((3, size, size), classes, **SETTINGS[name])


@pytest.fixture
def space(name: str) -> Space[Any]:
    return make(name, 8, 4)


@pytest.fixture
def archs(space: Space[Any]) -> list[Any]:
    rng, found = Random(0), dict[Any, Any]()
    while len(found) < 24:
        found.setdefault(space.canonical(arch := space.sample(rng)), arch)
    return list(found.values())


def ordered(scores: list[Score]) -> list[float]:
    assert all(score.ok for score in scores), [score.error for score in scores]
    assert len({score.value for score in scores}) > 5
    return [score.value for score in scores]


def losses(space: Space[Any]) -> set[str]:
    """Names of the losses that are read in a space: one a variant."""
    return {f"{ghn_member(0, one)}/loss" for one in (space.reading_variants() if isinstance(space, Readable) else [{}])}


def test_some_name_variants_and_others_do_not(name: str, space: Space[Any]) -> None:
    assert isinstance(space, Readable) == (name in ("darts", "macro")) and isinstance(toy.SPACE, Readable)
    assert isinstance(SPACES["darts"]((3, 8, 8), 4), DARTS)


def test_rank(space: Space[Any], archs: list[Any], toy_task: ImageTask, fabric: Fabric) -> None:
    torch.manual_seed(0)
    net = GHN(grown_for(GHNConfig(4, **NET, kernel=5), space))
    model = Model(net, space, toy_card(toy_task), fabric)
    scores = model.rank(archs, task=toy_task)
    ordered(scores)
    assert losses(space) | {"zero_cost/meco", "graph/params"} <= set(scores[0].extra)
    how: dict[str, Any] = {"task": toy_task, "sample": Sample(val=40, batch=40)}
    readings = [model.score(archs[:3], **how, **more) for more in ({}, {"skeletons": "fastest"}, {"skeletons": []})]
    different = len({tuple(score.value for score in scores) for scores in readings})
    # one that names none is read as it is, whichever is asked for
    assert different > 1 if isinstance(space, Readable) else different == 1
    taught = model.rank(archs, {arch: i / 24 for i, arch in enumerate(archs[:12])}, task=toy_task)
    assert ordered(taught) != ordered(scores)


@pytest.mark.parametrize("proxy", ["meco", "swap"])
def test_proxies_of_activations(
    proxy: str, space: Space[Any], archs: list[Any], toy_task: ImageTask, fabric: Fabric
) -> None:
    ordered(make_zero_cost(proxy, space, toy_task, fabric).score([Trial(str(i), a) for i, a in enumerate(archs)]))


def test_surrogate(space: Space[Any], archs: list[Any]) -> None:
    surrogate = SurrogateEstimator(space, ("statistics",), "random_forest", folds=2)
    trials = [Trial(str(i), arch) for i, arch in enumerate(archs)]
    surrogate.fit([(trial, Score(float(i))) for i, trial in enumerate(trials[:16])])
    assert all(score.ok for score in surrogate.score(trials[16:]))


@pytest.mark.parametrize("name", ["darts", "chain", "vit", "macro"])
def test_training_with_a_population(name: str, fabric: Fabric, tmp_path: Path) -> None:
    task = make_task("cifar10_embedded")
    space = make(name, 16, 10)
    model = train_hypernetwork(
        GHNConfig(10, **NET, kernel=5),
        space,
        task,
        MetaConfig(steps=1, architectures=1, images=4, warmup=1, sampling="uniform"),
        fabric,
        tmp_path,
        scoring_task={"name": "cifar10_embedded"},
        check=0,
        population=20,
        progress=False,
    )
    held = load(tmp_path / CHECKPOINT, fabric=fabric).card["population"]
    assert held == model.card["population"] and losses(space) | {"zero_cost/meco"} <= set(held["quantiles"])
    assert model.rank([space.sample(Random(1))])[0].ok
