"""The study of diverse networks: references in turns, then the order of every group."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import toy
from lightning_fabric import Fabric
from toy_models import NET

from ghn.app.setting import Setting
from ghn.errors import ConfigError, ExistsError
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.vocabulary import grown_for
from ghn.scoring.model import Model
from ghn.scoring.readouts import Sample
from ghn.spaces import ModuleSpace
from ghn.spaces.deepnets.space import DeepNets
from ghn.tables.references import ReferenceTable
from ghn.train.network import Recipe
from studies.deepnets import deepnets_study
from studies.torchvision_like import MAKERS

SPACE = DeepNets((3, 8, 8), toy.CLASSES, networks=3)


@pytest.fixture
def setting(fabric: Fabric) -> Setting:
    recipe = Recipe(epochs=1, batch_size=40, lr=0.02)
    return Setting(SPACE, toy.make_task(), fabric, sample=Sample(val=20, zero_cost=8, proxy=4), recipe=recipe)


@pytest.fixture
def options(tmp_path: Path, setting: Setting, fabric: Fabric) -> dict[str, Any]:
    task = setting.task
    net = GHN(grown_for(GHNConfig(toy.CLASSES, **NET), SPACE))
    card = {"task": task.describe(), "scoring_task": None, "step": 4, "seconds": 9.0}
    Model(net, SPACE, card, fabric).save(tmp_path / "net.safetensors")
    plan = {
        "stage": "references",
        "references": str(tmp_path / "tables"),
        "splits": ["test"],
        "torchvision_like": False,
        "networks": 10,
        "every": 6,
        "readouts": ["loss", "norm"],
        "proxies": ["params", "synflow"],
    }
    shared = {"resume": False, "progress": False, "bootstrap": 20, "checkpoint": str(tmp_path / "net.safetensors")}
    return {"out": str(tmp_path / "out"), **shared, "deepnets": plan}


def test_references_and_order(setting: Setting, options: dict[str, Any], tmp_path: Path, capsys: Any) -> None:
    deepnets_study(setting, options)
    assert [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()] == [
        "6 of 10 networks",
        "10 of 10 networks",
    ]
    path = tmp_path / "tables" / "test.jsonl"
    before = path.read_text()
    deepnets_study(setting, options)  # nothing is left to train
    assert path.read_text() == before
    table = ReferenceTable.load(path)
    assert table.header.skeleton["split"] == "test"

    options["deepnets"]["stage"] = "order"
    deepnets_study(setting, options)
    group = json.loads((tmp_path / "out" / "deepnets.json").read_text())["groups"]["test"]
    assert group["n"] == group["drawn"] == 10
    assert set(group["rows"]) == {"loss", "norm", "accuracy", "params", "synflow"}
    assert group["best proxy"] in ("params", "synflow")
    for row in group["rows"].values():
        assert -1 <= row["kendall"]["value"] <= 1 and row["failed"] == 0
    assert group["trained"]["mean"] == pytest.approx(sum(table.value().values()) / 10)
    printed = capsys.readouterr().out
    assert "test: 10 networks" in printed and "best proxy" in printed and "generated weights" in printed
    with pytest.raises(ExistsError):
        deepnets_study(setting, options)


def test_what_cannot_be_judged(setting: Setting, options: dict[str, Any]) -> None:
    plan = options["deepnets"]
    for changes, message in (({"stage": "judge"}, "references | order"), ({"stage": "order"}, "no group has")):
        with pytest.raises(ConfigError, match=message.replace("|", r"\|")):
            deepnets_study(setting, {**options, "deepnets": {**plan, **changes}})


def test_torchvision_like_networks_are_seen_whole() -> None:
    assert len(MAKERS) == 20
    space = ModuleSpace({name: MAKERS[name](7) for name in ("vgg_bn", "vit_3", "regnet_y")}, torch.zeros(2, 3, 16, 16))
    for name in space.members():
        graph = space.network(name).graph
        assert graph.output_shape == (7,) and all(node.operation.runs for node in graph.nodes)
