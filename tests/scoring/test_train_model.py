"""Training of a hypernetwork from first to last."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import toy
from lightning_fabric import Fabric
from torch import nn
from toy_models import NET, SAMPLE, cells, toy_table

from ghn.analysis.correlation import kendall
from ghn.errors import CheckpointError, ConfigError, DataError, ExistsError
from ghn.nets.ghn import GHN, GHNConfig
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.scoring.train_model import train_hypernetwork
from ghn.spaces import FunctionSpace, NASBench101, NASBench201
from ghn.tables.references import ReferenceTable
from ghn.tasks import ImageTask, from_arrays, make_task
from ghn.train.loop import Loop
from ghn.train.meta import MetaConfig

TRAINER = MetaConfig(
    steps=4, architectures=2, images=8, warmup=1, sampling="uniform", save_every=2, log_every=1, check_every=2
)
Train = Callable[..., Model]


@pytest.fixture
def train(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> Train:
    def run(folder: Path, trainer: MetaConfig = TRAINER, **options: Any) -> Model:
        config = GHNConfig(toy_task.classes, **NET)
        return train_hypernetwork(config, toy_space, toy_task, trainer, fabric, folder, progress=False, **options)

    return run


@pytest.fixture(scope="module")
def table(toy_space: NASBench201, toy_task: ImageTask, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """References that fit the toy task."""
    path = tmp_path_factory.mktemp("references") / "table.jsonl"
    toy_table(toy_space.benchmark().candidates(12, "development"), toy_space, toy_task).save(path)
    return path


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.net.state_dict().items()}


def test_leaves_a_checkpoint_with_a_card_and_a_log(
    train: Train, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    model = train(tmp_path, command="python train_ghn.py", scoring_task={"name": "cifar10", "size": 8, "root": None})
    loaded = load(tmp_path / CHECKPOINT, fabric=fabric)
    assert loaded.digest == model.digest != "" and loaded.card == model.card
    trials = cells(3)
    first, second = (m.score(trials, task=toy_task, sample=SAMPLE) for m in (model, loaded))
    assert [s.value for s in first] == [s.value for s in second]
    card = model.card
    assert card["task"] == toy_task.describe() and card["scoring_task"]["name"] == "cifar10"
    assert card["trainer"]["steps"] == card["step"] == 4 and card["seconds"] > 0
    assert card["command"] == "python train_ghn.py" and card["device"] == "cpu"
    losses = [line["loss"] for line in lines(tmp_path) if "loss" in line]
    assert len(losses) == 4 and card["metrics"]["loss"] == losses[-1]


def test_scores_of_different_trainings_do_not_mix(train: Train, tmp_path: Path, toy_task: ImageTask) -> None:
    one, two = train(tmp_path / "a"), train(tmp_path / "b", replace(TRAINER, seed=1))
    identities = [m.estimator(task=toy_task, sample=SAMPLE).identity for m in (one, two)]
    assert identities[0] != identities[1]


def test_ranks_beside_the_loss_where_there_are_references(train: Train, table: Path, tmp_path: Path) -> None:
    model = train(tmp_path, check=12, references=table)
    checks = [line for line in lines(tmp_path) if "check/kendall" in line]
    assert [line["step"] for line in checks] == [2, 4]
    assert all(-1 <= line["check/kendall"] <= 1 and 0 <= line["check/accuracy"] <= 1 for line in checks)
    assert model.card["metrics"]["check/kendall"] == checks[-1]["check/kendall"]
    archs, sample = ReferenceTable.load(table).archs(), Sample(val=40, batch=40)
    scores = model.score(archs, task=toy.make_task(), sample=sample, skeletons=[])  # as the check does: the fastest
    values = list(ReferenceTable.load(table).value("test_accuracy").values())
    assert kendall([s.value for s in scores], values) == pytest.approx(checks[-1]["check/kendall"])


def test_without_fitting_references_there_is_no_check(train: Train, tmp_path: Path) -> None:
    train(tmp_path, check=40)
    assert all("check/kendall" not in line for line in lines(tmp_path))


def test_references_that_are_given_must_fit(train: Train, table: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere"):
        train(tmp_path / "a", references=tmp_path / "nowhere.jsonl")
    (torn := tmp_path / "torn.jsonl").write_text(table.read_text()[:-40])
    with pytest.raises(DataError, match="truncated"):
        train(tmp_path / "b", references=torn)
    assert list(tmp_path.iterdir()) == [torn]


def test_never_overwrites_unless_asked_to_go_on(train: Train, tmp_path: Path) -> None:
    model = train(tmp_path)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(ExistsError, match="out="):
        train(tmp_path)
    (tmp_path / CHECKPOINT).unlink()
    with pytest.raises(ExistsError, match="resume"):
        train(tmp_path)  # a run that was killed before its end
    again = train(tmp_path, resume=True)
    assert again.digest == model.digest and (tmp_path / CHECKPOINT).read_bytes() == before


def test_interrupted_and_resumed_gives_the_same_checkpoint(
    train: Train, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train(tmp_path / "whole")
    advance = Loop.advance

    def interrupted(self: Loop) -> torch.Tensor:
        if self.done == 3:
            raise KeyboardInterrupt
        return advance(self)

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "advance", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "killed")
    assert not (tmp_path / "killed" / CHECKPOINT).exists()
    resumed = train(tmp_path / "killed", resume=True)
    assert resumed.digest == whole.digest
    assert [line["step"] for line in lines(tmp_path / "killed")] == [1, 2, 3, 4]


def test_a_task_of_ones_own_is_not_named_in_the_card(train: Train, tmp_path: Path) -> None:
    named = {"name": "image_folder", "root": "/home/me/photos"}
    assert train(tmp_path, scoring_task=named).card["scoring_task"] is None


def test_keeps_snapshots_when_asked(train: Train, tmp_path: Path, fabric: Fabric) -> None:
    model = train(tmp_path, snapshots=True, check=0)
    first, last = (load(tmp_path / f"checkpoint-{step}.safetensors", fabric=fabric) for step in (2, 4))
    assert first.card["step"] == 2 and last.digest == model.digest != first.digest


def test_the_checkpoint_holds_what_the_space_has_beyond_the_config(
    toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    few = GHNConfig(toy_task.classes, **NET, vocabulary=("input", "conv"), kinds=("bias", "conv_weight"))
    train_hypernetwork(few, toy_space, toy_task, TRAINER, fabric, tmp_path, check=0, progress=False)
    held = load(tmp_path / CHECKPOINT, fabric=fabric).net.config
    assert isinstance(held, GHNConfig) and held.vocabulary[:2] == few.vocabulary and held.kinds[:2] == few.kinds
    later = ["avg_pool", "batch_norm", "global_pool", "identity", "linear", "relu", "sum", "zero"]
    assert [*held.vocabulary[2:]] == later
    assert [*held.kinds[2:]] == ["linear_bias", "linear_weight", "norm_bias", "norm_weight"]


def test_another_hypernetwork_cannot_go_on_with_a_run(
    train: Train, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    train(tmp_path)
    other = GHNConfig(toy_task.classes, **{**NET, "rounds": 7})
    with pytest.raises(CheckpointError, match="net differ") as error:
        train_hypernetwork(other, toy_space, toy_task, TRAINER, fabric, tmp_path, resume=True, progress=False)
    assert "'rounds': 7" in str(error.value)


def test_a_population_of_too_few_networks_is_refused_before_training(train: Train, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"too few networks[\s\S]*at least 20"):
        train(tmp_path / "run", population=19)
    assert not (tmp_path / "run").exists()


def test_networks_without_a_non_linearity_have_no_agreement(
    toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    """MeCo and SWAP say 0 of all, which is no order to agree with; the training ends as any other."""

    def build(choose: Any) -> nn.Module:
        a, b = (choose(name, [2, 3, 4, 6, 8, 12]) for name in "ab")
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, a), nn.Linear(a, b), nn.Linear(b, choose.classes))

    space, config = FunctionSpace(build, (3, 8, 8), toy_task.classes), GHNConfig(toy_task.classes, **NET)
    plan = replace(TRAINER, steps=1)
    trained = train_hypernetwork(config, space, toy_task, plan, fabric, tmp_path, population=20, progress=False)
    held = trained.card["population"]
    assert held["agreement"] is None and held["votes"]["ghn/loss"] > 0


@pytest.mark.parametrize("classes", [2, 10])
def test_other_classes_than_the_task_has_are_refused_before_training(
    toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path: Path, classes: int
) -> None:
    wrong = GHNConfig(classes, **NET)
    with pytest.raises(ConfigError, match=rf"(?s)classes={classes}.*GHNConfig\(classes={toy_task.classes}\)"):
        train_hypernetwork(wrong, toy_space, toy_task, TRAINER, fabric, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_space_without_a_network_is_refused(toy_task: ImageTask, fabric: Fabric, tmp_path: Path) -> None:
    def build(choose: Any) -> nn.Module:
        return nn.Linear(3, choose("width", [1, 2, 3]))

    space = FunctionSpace(build, (3, 8, 8), toy_task.classes)
    config = GHNConfig(toy_task.classes, **NET)
    with pytest.raises(ConfigError, match=r"(?s)no network to train on.*Linear cannot be captured"):
        train_hypernetwork(config, space, toy_task, replace(TRAINER, sampling="auto"), fabric, tmp_path, progress=False)


def test_a_population_of_all_of_a_small_space_on_images_of_ones_own(
    toy_task: ImageTask, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of images that no checkpoint can name, too, so that a single network can be ranked."""

    def build(choose: Any) -> nn.Module:
        width, bias = choose("width", [2, 3, 4, 5]), choose("bias", [True, False])
        head = nn.Linear(width, choose.classes, bias=bias)
        return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)

    space = FunctionSpace(build, (3, 8, 8), toy_task.classes)
    archs, config = space.distinct(), GHNConfig(toy_task.classes, **NET)
    assert len(archs) == 8
    with pytest.raises(ConfigError, match="at least 8"):
        train_hypernetwork(config, space, toy_task, TRAINER, fabric, tmp_path / "few", population=7)
    how = {"population": 20, "progress": False, "check": 0}
    model = train_hypernetwork(config, space, toy_task, TRAINER, fabric, tmp_path / "run", **how)
    assert model.card["scoring_task"] is None
    held = load(tmp_path / "run", fabric=fabric, space=space).card["population"]
    assert held == model.card["population"] and held["task_checksum"] == toy_task.checksum
    kept = (tmp_path / "run" / CHECKPOINT).read_bytes()
    measured: list[int] = []
    monkeypatch.setattr(
        "ghn.scoring.train_model.measure_population", lambda _, networks, **__: measured.append(networks) or held
    )
    for population in (20, 21):  # of a training that had ended only what is new is measured
        again = {**how, "population": population, "resume": True}
        train_hypernetwork(config, space, toy_task, TRAINER, fabric, tmp_path / "run", **again)
        assert (tmp_path / "run" / CHECKPOINT).read_bytes() == kept
    assert measured == [21]
    alone, (together, *_) = model.rank(archs[:1], task=toy_task), model.rank(archs, task=toy_task)
    assert alone[0].ok and alone[0].value == pytest.approx(together.value)
    del model.card["population"]
    assert all(score.ok for score in model.rank(archs, task=toy_task))
    with pytest.raises(ConfigError, match="at least 8"):
        model.rank(archs[:7], task=toy_task)


def test_what_does_not_fit_into_memory_is_refused_before_it_is_taken(
    toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    huge = GHNConfig(toy_task.classes, **NET | {"decoder": "low_rank", "rank": 1 << 20})
    with pytest.raises(ConfigError, match=r"(?s)does not fit into memory.*parameters.*GiB.*net\.rank"):
        train_hypernetwork(huge, toy_space, toy_task, TRAINER, fabric, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_card_keeps_what_readings_are_usual(fabric: Fabric, tmp_path: Path) -> None:
    task, space = make_task("cifar10_embedded"), NASBench201((3, 16, 16), 10, width=2, depth=1)
    scoring = {"name": "cifar10_embedded"}
    model = train_hypernetwork(
        GHNConfig(10, **NET),
        space,
        task,
        TRAINER,
        fabric,
        tmp_path,
        scoring_task=scoring,
        population=24,
        progress=False,
    )
    held = load(tmp_path / CHECKPOINT, fabric=fabric).card["population"]
    assert held == model.card["population"] and held["task_checksum"] == task.checksum
    assert {"graph/params", "graph/macs", "ghn_depth3/loss", "zero_cost/meco"} <= set(held["quantiles"])
    assert {"graph/params+graph/macs", "ghn_depth3/loss", "zero_cost/meco+zero_cost/swap"} <= set(held["votes"])
    assert -1 <= held["agreement"] <= 1
    assert model.rank([cells(1)[0]])[0].ok


def test_training_starts_from_a_hypernetwork_of_another_space(
    train: Train, toy_task: ImageTask, fabric: Fabric, tmp_path: Path
) -> None:
    """What both know is taken over; new operations and another class head are not."""
    first = train(tmp_path / "first")
    space, still = NASBench101((3, 8, 8), 6, width=4), replace(TRAINER, steps=1, lr=1e-12, average=0.0)
    images, labels = torch.randint(200, (24, 3, 8, 8), dtype=torch.uint8), torch.arange(24) % 6
    task, start = from_arrays("six", train=(images, labels), val=(images, labels)), tmp_path / "first" / CHECKPOINT
    again = (GHNConfig(6), space, task, still, fabric, tmp_path / "second")
    model = train_hypernetwork(*again, start=start, progress=False)
    assert model.card["started_from"]["digest"] == first.digest and model.net.config.classes == 6
    before, after = weights(first), weights(model)
    assert len(model.net.config.vocabulary) > len(before["embedding.tables.0.weight"])
    rows = len(before["embedding.tables.0.weight"])
    assert torch.allclose(after["embedding.tables.0.weight"][:rows], before["embedding.tables.0.weight"], atol=1e-6)
    shared = [name for name, value in before.items() if after[name].shape == value.shape]
    assert len(shared) > 40 and all(torch.allclose(after[n], before[n], atol=1e-6) for n in shared)
    with pytest.raises(CheckpointError, match="start"):  # the run in the folder began elsewhere
        train_hypernetwork(*again, resume=True, progress=False)


def test_a_start_must_have_the_same_sizes() -> None:
    small, large = GHN(GHNConfig(4, hidden=16, heads=2)), GHN(GHNConfig(4, hidden=32, heads=2))
    with pytest.raises(ConfigError, match="sizes"):
        large.start_from(small)
    grown = GHN(small.config.grown(["narrow"], ["embedding"]))
    assert "embedding.tables.0.weight" in grown.start_from(small)
    head = GHN(GHNConfig(7, hidden=16, heads=2))
    assert head.start_from(small) and all("heads.linear_" in name for name in head.start_from(small))  # the class head
