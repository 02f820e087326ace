"""Every part of the combined estimator on the report sample, small, from options to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.setting import Setting
from ghn.errors import ConfigError, ExistsError
from ghn.report.model import read_report
from studies.nasbench201 import nasbench201_study


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)] * 2, sample=SAMPLE)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    out = {"out": str(tmp_path / "out"), "resume": False, "progress": False}
    return {**out, "n": 16, "pool": 30, "sizes": [0, 20], "draws": 2, "bootstrap": 20}


def test_the_study_scores_each_member_once_and_ranks_in_many_ways(
    setting: Setting, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nasbench201_study(setting, options)
    names = [row.name for row in read_report(tmp_path / "out" / "report").comparisons[0].estimators]
    assert names[1:4] == ["generated weights alone, all skeletons", "MeCo, random weights", "combined, no references"]
    assert {"combined, 20 references", "without the hypernetwork, 20 references"} <= set(names)
    written = json.loads((tmp_path / "out" / "spread.json").read_text())
    spread, own = written["published"], written["own"]
    assert own == {}  # the pool holds fewer than 60 of the own references
    # two trainings, and with references two draws of each; the same checkpoint twice says the same
    assert len(spread["combined, no references"]["kendall"]) == 2
    assert len(spread["combined, 20 references"]["kendall"]) == 4
    assert len(set(spread["combined, no references"]["kendall"])) == 1
    taught = [row["kendall"] for name, row in spread.items() if "20 references" in name]
    assert any(len(set(row)) == 2 for row in taught) and all(row[:2] == row[2:] for row in taught)
    assert "Mean (standard deviation) over 2 trainings" in capsys.readouterr().out
    with pytest.raises(ExistsError, match="resume=true"):
        nasbench201_study(setting, options)
    files = {p: p.read_bytes() for p in (tmp_path / "out" / "members").rglob("*.jsonl")}
    nasbench201_study(setting, {**options, "resume": True, "sizes": [0], "draws": 1})
    assert files == {p: p.read_bytes() for p in (tmp_path / "out" / "members").rglob("*.jsonl")}
    with pytest.raises(ConfigError, match="pool"):
        nasbench201_study(setting, {**options, "sizes": [50], "out": str(tmp_path / "other")})
