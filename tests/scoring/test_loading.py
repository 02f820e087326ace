"""Checkpoints on disk: the shipped one, damaged and lying ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import READOUTS, cells, save_toy, toy_card, toy_net

import ghn
from ghn.assets import asset
from ghn.errors import CheckpointError, DataError, GraphError
from ghn.scoring.load import SHIPPED, find_checkpoint, load
from ghn.scoring.model import Model
from ghn.spaces import CHECKPOINTS, NASBench201, describe_space
from ghn.tasks import ImageTask
from ghn.train.checkpoint import load_tensors, save_tensors

CELLS = cells(4)


@pytest.mark.parametrize("change", [{"width": 8}, {"depth": 2}, {"classes": 5}, {"input_shape": (3, 12, 12)}])
def test_a_checkpoint_for_another_space_is_refused(
    toy_checkpoint: Path, fabric: Fabric, change: dict[str, Any]
) -> None:
    own = NASBench201((3, 8, 8), classes=4, width=4, depth=1)
    assert load(toy_checkpoint, fabric=fabric, space=own).space == own
    with pytest.raises(CheckpointError, match="another space") as caught:
        load(toy_checkpoint, fabric=fabric, space=replace(own, **change))
    assert repr(own) in str(caught.value) and repr(replace(own, **change)) in str(caught.value)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda data: data[:-100],
    "cut short": lambda data: data[:40],
    "empty": lambda data: b"",
    "tampered tensors": lambda data: data[:-5] + bytes([data[-5] ^ 1]) + data[-4:],
    "tampered card": lambda data: data.replace(b'\\"step\\": 4', b'\\"step\\": 9'),
    "foreign": lambda data: b"PK\x03\x04" + data,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_refused(toy_checkpoint: Path, tmp_path: Path, fabric: Fabric, damage: str) -> None:
    data = toy_checkpoint.read_bytes()
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(DAMAGES[damage](data))
    assert path.read_bytes() != data
    with pytest.raises(CheckpointError, match=str(path)):
        load(path, fabric=fabric)


def test_a_missing_file_is_named(tmp_path: Path, fabric: Fabric) -> None:
    with pytest.raises(CheckpointError, match="nowhere"):
        load(tmp_path / "nowhere.safetensors", fabric=fabric)


CARDS: dict[str, dict[str, Any]] = {
    "another import": {"scoring_task": {"name": "dataset", "train": {"target": "os.system"}}},
    "a path on disk": {"scoring_task": {"name": "image_folder", "root": "/etc"}},
    "no size": {"scoring_task": {"name": "cifar10", "size": "16"}},
    "a nameless task": {"scoring_task": {}},
    "an unknown space": {"space": {"name": "os"}},
    "an unknown setting": {"space": {"name": "nasbench201", "target": "os.system"}},
    "no config": {"config": None},
    "an unknown encoder": {"config": {"classes": 4, "encoder": "pickle"}},
    "a foreign setting": {"config": {"classes": 4, "target": "os.system"}},
    "other classes": {"task": {"classes": 5, "channels": 3, "image_size": [8, 8], "mean": [0.5] * 3, "std": [1.0] * 3}},
    "too few means": {"task": {"classes": 4, "channels": 3, "image_size": [8, 8], "mean": [0.5], "std": [1.0]}},
    "no numbers": {"task": {"classes": 4, "channels": 1, "image_size": [8, 8], "mean": ["a"], "std": ["b"]}},
    "no task": {"task": None},
    **{
        f"a deviation of {std}": {
            "task": {"classes": 4, "channels": 1, "image_size": [8, 8], "mean": [0.5], "std": [std]}
        }
        for std in (-1.0, 0.0, 1e999, 10**400)
    },
    "a million layers": {"config": {"classes": 4, "layers": 10**6}},
    "no end of rounds": {"config": {"classes": 4, "encoder": "gated", "rounds": 10**9}},
    "a terabyte of weights": {"config": {"classes": 4, "hidden": 1 << 20, "heads": 1}},
    "more than there are numbers": {"config": {"classes": 4, "channels": 1 << 40}},
    "a space without end": {"space": {"name": "nasbench201", "input_shape": [3, 8, 8], "classes": 4, "depth": 10**7}},
    "a space without a name": {"space": {"width": 4}},
    "a task from elsewhere": {"scoring_task": {"name": "csv", "path": "/etc/passwd"}},
    "a task of no size": {"scoring_task": {"name": "cifar10", "size": 10**9}},
    "a population of words": {"population": {"task_checksum": "", "quantiles": {"graph/params": ["many"]}}},
    "a population without end": {"population": {"task_checksum": "", "quantiles": {"graph/params": [1e999]}}},
}


@pytest.mark.parametrize("name", CARDS)
def test_a_card_that_lies_is_refused_on_loading(
    toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path, fabric: Fabric, name: str
) -> None:
    net = toy_net()
    card = {**toy_card(toy_task), "config": net.config.describe(), "space": describe_space(toy_space)}
    path = tmp_path / "card.safetensors"
    save_tensors(path, "hypernetwork", net.state_dict(), card)
    assert load(path, fabric=fabric).space == toy_space  # the honest one
    save_tensors(path, "hypernetwork", net.state_dict(), {**card, **CARDS[name]})
    with pytest.raises(CheckpointError, match="card cannot be used"):
        load(path, fabric=fabric)


def test_a_card_chooses_no_path(toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path, fabric: Fabric) -> None:
    """Name and size of a well-known task are all that is taken from a card."""
    elsewhere = tmp_path / "elsewhere"
    named = {"name": "cifar10_embedded", "root": str(elsewhere)}
    model = save_toy(tmp_path / "a.safetensors", toy_space, toy_task, fabric, scoring_task=named)
    with pytest.raises(CheckpointError, match="cifar10_embedded"):  # found without `root`, and of another kind
        model.score(CELLS)
    assert not elsewhere.exists()


def test_a_net_of_other_sizes_than_its_card_is_refused(
    toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path, fabric: Fabric
) -> None:
    net, path = toy_net(), tmp_path / "a.safetensors"
    config = {**net.config.describe(), "hidden": 16}
    save_tensors(
        path,
        "hypernetwork",
        net.state_dict(),
        {**toy_card(toy_task), "config": config, "space": describe_space(toy_space)},
    )
    with pytest.raises(CheckpointError, match="does not match the config"):
        load(path, fabric=fabric)


def test_weights_that_are_not_finite_are_said(
    toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path, fabric: Fabric
) -> None:
    """In a checkpoint, in a score, and where they would be written into a module."""
    model = save_toy(tmp_path / "a.safetensors", toy_space, toy_task, fabric)
    with torch.no_grad():
        next(iter(model.net.parameters())).fill_(torch.nan)
    (score,) = model.score(CELLS[:1], task=toy_task)
    assert not score.ok and "weights made for it are not finite" in str(score.error)
    with pytest.raises(GraphError, match="weights made for this network are not finite"):
        model.weights(CELLS[0])
    tensors, header = load_tensors(tmp_path / "a.safetensors", "hypernetwork")
    name = next(iter(tensors))
    save_tensors(
        tmp_path / "b.safetensors", "hypernetwork", {**tensors, name: tensors[name] * torch.inf}, header["card"]
    )
    with pytest.raises(CheckpointError, match=f"its weights are not finite(.|\\n)*{name}"):
        load(tmp_path / "b.safetensors", fabric=fabric)


@pytest.mark.parametrize("dtype", ["F4", "F8_E8M0", "U128"])
def test_numbers_of_a_kind_that_nobody_has_met(tmp_path: Path, fabric: Fabric, dtype: str) -> None:
    header = json.dumps({"a": {"dtype": dtype, "shape": [4], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "new").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(CheckpointError, match="cannot be read"):
        load(tmp_path / "new", fabric=fabric)


@pytest.fixture(scope="module")
def shipped(fabric: Fabric) -> Model:
    try:
        asset(SHIPPED)
    except DataError:
        pytest.skip("the shipped checkpoint is still being trained")
    return load(fabric=fabric)


def test_the_shipped_checkpoint_scores(shipped: Model) -> None:
    archs = [shipped.space.format(c) for c in CELLS]
    for readout in READOUTS:
        scores = shipped.score(archs, readout)
        assert all(s.ok for s in scores) and len({s.value for s in scores}) == len(scores)
    assert shipped.score(archs)[0].extra["accuracy"] > 0.15  # above chance


def test_a_shipped_checkpoint_is_named_by_its_space_unless_a_file_has_the_name(
    toy_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, file in CHECKPOINTS.items():
        assert find_checkpoint(name) == find_checkpoint(file) == asset(file)
    assert find_checkpoint("shipped") == asset(SHIPPED)
    toy_model.save("deepnets")
    assert find_checkpoint("deepnets") == Path("deepnets") != find_checkpoint("shipped")
    with pytest.raises(CheckpointError, match="macros"):
        load("macros")


def test_the_shipped_checkpoint_is_small_and_says_where_it_comes_from(shipped: Model) -> None:
    card = shipped.card
    assert asset(SHIPPED).stat().st_size <= 12e6
    assert (shipped.space.width, shipped.space.depth) == (8, 1)
    assert card["task"]["name"] and card["task"]["checksum"] and card["task"]["image_size"] == [16, 16]
    assert card["scoring_task"]["name"] == "cifar10_embedded"
    assert 0 < card["step"] <= card["trainer"]["steps"] and card["seconds"] > 0 and card["device"]
    assert "train_ghn.py" in card["command"] and card["versions"]["torch"] and "loss" in card["metrics"]
    assert len(card["ranking"]) == 2  # against the published table and the embedded references
    for reference in card["ranking"].values():
        assert reference["rows"]["GHN shipped, loss"]["kendall"]["value"] is not None
    json.dumps(card)


def test_the_shipped_checkpoint_ranks_a_single_architecture() -> None:
    model = ghn.load(device="cpu")
    rich, poor = model.rank([("nor_conv_3x3",) * 6, ("avg_pool_3x3",) * 6])
    assert rich.value > poor.value and rich.std == poor.std


def test_the_folder_of_a_training_is_its_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert find_checkpoint(tmp_path / "mine") == tmp_path / "mine", "told of by who opens it"
    (tmp_path / "mine" / "checkpoint.safetensors").touch()
    assert find_checkpoint(tmp_path / "mine") == tmp_path / "mine" / "checkpoint.safetensors"
