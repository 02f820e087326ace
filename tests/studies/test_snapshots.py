"""The study of snapshots, from runs on disk to files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from toy_models import NET, SAMPLE

from ghn.analysis.correlation import kendall
from ghn.app.setting import Setting
from ghn.app.survey.snapshots import snapshots_in
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.families.sharing.train import train_shared
from ghn.nets.ghn import GHNConfig
from ghn.scoring.load import load
from ghn.scoring.train_model import train_hypernetwork
from studies.snapshots import snapshots_study


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    return Setting(toy.SPACE, toy.make_task(), fabric, (), sample=SAMPLE, folder=tmp_path / "out")


@pytest.fixture
def options(tmp_path: Path, setting: Setting) -> dict[str, Any]:
    """Two banks and a hypernetwork, with two snapshots each."""
    task, how = setting.task, {"check": 0, "snapshots": True, "progress": False}
    for seed in (0, 1):
        trainer = replace(TRAINER, seed=seed)
        folder = tmp_path / f"bank{seed}"
        train_shared(METHODS["oneshot"], toy.SPACE, task, trainer, setting.fabric, folder, **how)
    train_hypernetwork(
        GHNConfig(task.classes, **NET), toy.SPACE, task, TRAINER, setting.fabric, tmp_path / "ghn", **how
    )
    return {
        "out": str(tmp_path / "out"),
        "resume": False,
        "progress": False,
        "n": 20,
        "candidates": "development",
        "references": "nasbench201",
        "bootstrap": 20,
        "snapshots": {
            "runs": [str(tmp_path / name) for name in ("bank0", "bank1", "ghn")],
            "last": 2,
            "beside": ["params"],
            "pace": {"ghn": 30.0},
        },
    }


def test_every_snapshot_is_ranked(setting: Setting, options: dict[str, Any], tmp_path: Path, capsys: Any) -> None:
    snapshots_study(setting, options)
    content = json.loads((tmp_path / "out" / "snapshots.json").read_text())
    (study,) = content["references"].values()
    assert [(run["method"], run["seed"]) for run in study["runs"].values()] == [
        ("oneshot", 0),
        ("oneshot", 1),
        ("ghn", 0),
    ]
    ghn = study["runs"]["ghn"]
    assert [(p["step"], p["seconds"]) for p in ghn["points"]] == [(2, 60.0), (4, 120.0)]  # by its pace
    assert study["runs"]["bank0"]["points"][0]["seconds"] < 60  # by its own clock
    assert set(study["beside"]) == {"live parameters", "params"}
    assert study["beside"]["params"] == study["beside"]["live parameters"]
    printed = capsys.readouterr().out
    assert "oneshot, mean (deviation)" in printed and "live parameters" in printed
    assert {p.name for p in (tmp_path / "out").glob("*.svg")} == {"snapshots-1.svg"}

    text = Path(tmp_path / "out" / "snapshots.json").read_text()
    with pytest.raises(ExistsError):
        snapshots_study(setting, options)
    snapshots_study(setting, {**options, "resume": True})
    assert json.loads(text)["references"] == json.loads((tmp_path / "out" / "snapshots.json").read_text())["references"]


def test_agreement_of_successive_snapshots(setting: Setting, options: dict[str, Any], tmp_path: Path) -> None:
    snapshots_study(setting, options)
    (study,) = json.loads((tmp_path / "out" / "snapshots.json").read_text())["references"].values()
    archs = toy.SPACE.benchmark().candidates(20, "development")
    found = []
    for path in snapshots_in(tmp_path / "bank0"):
        model = load(path, fabric=setting.fabric)
        found.append([s.value for s in model.score(archs, task=setting.task, sample=SAMPLE)])
    assert study["runs"]["bank0"]["successive"] == [pytest.approx(kendall(*found))]


def test_wrong_inputs(setting: Setting, options: dict[str, Any], tmp_path: Path) -> None:
    plan = options["snapshots"]
    (tmp_path / "empty").mkdir()
    for changes, error, message in (
        ({"runs": []}, ConfigError, "snapshots need runs"),
        ({"last": 0}, ConfigError, "snapshots need runs"),
        ({"runs": [str(tmp_path / "empty")]}, DataError, "no snapshots"),
        ({"runs": plan["runs"][:1] * 2}, ConfigError, "differ in the names"),
        ({"beside": ["nothing"]}, ConfigError, "unknown estimator"),
    ):
        with pytest.raises(error, match=message):
            snapshots_study(setting, {**options, "snapshots": {**plan, **changes}})
    assert not (tmp_path / "out" / "snapshots.json").exists()
