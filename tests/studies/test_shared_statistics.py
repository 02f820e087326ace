"""Own against shared batch statistics, from options to a file."""

from __future__ import annotations

import json
from pathlib import Path

import toy
from lightning_fabric import Fabric
from shared_cases import METHODS, TRAINER
from toy_models import SAMPLE

from ghn.app.setting import Setting
from ghn.families.sharing.train import train_shared
from ghn.scoring.load import CHECKPOINT
from studies.shared_statistics import shared_statistics_study


def test_both_ways_are_judged_on_the_same_networks(fabric: Fabric, tmp_path: Path, capsys) -> None:
    how = {"check": 0, "progress": False}
    train_shared(METHODS["oneshot"], toy.SPACE, toy.make_task(), TRAINER, fabric, tmp_path / "bank", **how)
    setting = Setting(toy.SPACE, toy.make_task(), fabric, [str(tmp_path / "bank" / CHECKPOINT)], sample=SAMPLE)
    shared_statistics_study(setting, {"out": str(tmp_path / "out"), "resume": False, "n": 12, "paths": 60})
    ways = json.loads((tmp_path / "out" / "shared_statistics.json").read_text())["ways"]
    own, shared = ways["own batch statistics"], ways["shared running statistics"]
    assert own["scored"] == shared["scored"] == 12 and own["kendall"] != shared["kendall"]
    assert all(0 <= way["accuracy"] <= 1 for way in ways.values())
    assert "shared running statistics: Kendall" in capsys.readouterr().out
