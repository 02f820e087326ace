"""Shared weights from training to scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import torch
from lightning_fabric import Fabric
from shared_cases import METHODS, SPACES, TRAINER
from toy_models import SAMPLE

from ghn.errors import CheckpointError, ConfigError, ExistsError
from ghn.families.sharing.train import make_method, train_shared
from ghn.scoring.load import CHECKPOINT, load
from ghn.spaces import NASBench201, ViT
from ghn.tasks import ImageTask
from ghn.types import Network, Trial
from studies.shared_statistics import SharedStatisticsReadout, collect_statistics

VIT = ViT((3, 8, 8), classes=4, widths=(8, 12), depths=(1, 2), heads=(1, 2), ratios=(1, 2), head_size=4)


@pytest.mark.parametrize(
    ("name", "space"), [("dropout", "nasbench201"), ("enas", "nasbench201"), ("darts", "darts"), ("enas", "vit")]
)
def test_trains_saves_loads_and_scores(
    name: str, space: str, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    own = VIT if space == "vit" else SPACES[space]
    train = {"scoring_task": None, "check": 0, "progress": False}
    model = train_shared(METHODS[name], own, toy_task, TRAINER, fabric, tmp_path, **train)
    loaded = load(tmp_path / CHECKPOINT, fabric=fabric)
    rng = Random(0)
    archs = [own.sample(rng) for _ in range(3)]
    first, second = (m.score(archs, task=toy_task, sample=SAMPLE) for m in (model, loaded))
    assert all(s.ok for s in first) and [s.value for s in first] == [s.value for s in second]
    assert loaded.method == (name if name != "dropout" else "oneshot") == loaded.card["weights"]["method"]
    if name != "dropout":
        assert loaded.score([loaded.card["found"]["architecture"]], task=toy_task, sample=SAMPLE)[0].ok
    with pytest.raises(ExistsError):
        train_shared(METHODS[name], own, toy_task, TRAINER, fabric, tmp_path, **train)
    changed = replace(TRAINER, lr=1.0)
    with pytest.raises(CheckpointError, match="trainer differ"):
        train_shared(METHODS[name], own, toy_task, changed, fabric, tmp_path, resume=True, **train)


@pytest.fixture(scope="module")
def bank(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    train_shared(METHODS["oneshot"], toy_space, toy_task, TRAINER, fabric, folder, check=0, progress=False)
    return folder / CHECKPOINT


def test_a_candidate_outside_the_bank_is_a_failed_score(bank: Path, toy_task: ImageTask, fabric: Fabric) -> None:
    model = load(bank, fabric=fabric)
    score = model.score([("nor_conv_3x3",) * 6], task=toy_task, sample=SAMPLE, skeletons=[{"depth": 2}])[0]
    assert not score.ok and "the bank holds no weights for stage0/cell1" in str(score.error)


def test_what_only_hypernetworks_do_is_refused(bank: Path, toy_space: NASBench201, fabric: Fabric) -> None:
    model = load(bank, fabric=fabric)
    with pytest.raises(ConfigError, match=r"rank needs a hypernetwork(?s:.*)oneshot"):
        model.rank([("nor_conv_3x3",) * 6])
    with pytest.raises(ConfigError, match="embed needs a hypernetwork"):
        model.embed(toy_space.network(("nor_conv_3x3",) * 6).graph)


def test_shared_running_statistics_are_not_a_path_s_own(bank: Path, toy_task: ImageTask, fabric: Fabric) -> None:
    model = load(bank, fabric=fabric)
    task = model.images(toy_task)
    statistics = collect_statistics(model, task, paths=20, images=16)
    engine = model.estimator(task=task, sample=SAMPLE)
    trials = [Trial(str(i), model.space.sample(Random(i))) for i in range(6)]
    own = [s.value for s in engine.score(trials)]
    engine.readout = SharedStatisticsReadout(task, statistics, images=32)
    shared = engine.score(trials)
    assert all(s.ok for s in shared) and all(abs(a - s.value) > 1e-4 for a, s in zip(own, shared, strict=True))
    again = collect_statistics(model, task, paths=20, images=16)
    assert all(torch.equal(statistics[name], again[name]) for name in statistics)
    graph = model.space.network(trials[0].arch).graph
    with pytest.raises(ConfigError, match="draw more paths"):
        SharedStatisticsReadout(task, {}, images=8)(Network.of(graph), model.weights(graph))


def test_methods_are_made_by_name() -> None:
    assert make_method("darts", order=1).order == 1  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match=r"oneshot \| enas \| darts \| smash"):
        make_method("twoshot")
    with pytest.raises(ConfigError, match=r"weights=enas(?s:.*)depth"):
        make_method("enas", depth=3)
