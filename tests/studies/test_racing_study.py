"""Races through readings that were recorded."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError
from studies.racing import racing_study
from studies.run import options_of

NETWORKS = 150


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], sample=SAMPLE)


@pytest.fixture
def scores(tmp_path: Path) -> Path:
    """As job=rank_all keeps them, of networks whose readings agree; one failed."""
    rng, rows = Random(0), [{"schema": "ghn.scores/1"}]
    for arch in toy.SPACE.distinct()[:NETWORKS]:
        shared = rng.gauss(0, 1)
        members = ("ghn_depth1", "ghn_depth3", "ghn_depth5", "zero_cost", "synflow")
        extra = {f"{name}/value": shared + rng.gauss(0, 0.3) for name in members}
        extra |= {f"{n}/loss": extra[f"{n}/value"] for n in members[:3]} | {"zero_cost/meco": extra["zero_cost/value"]}
        rows.append({"id": toy.SPACE.format(arch), "error": None, "extra": extra})
    rows[5]["error"] = "it failed"
    path = tmp_path / "scores.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_races_are_counted(setting: Setting, scores: Path, tmp_path: Path) -> None:
    plan = [f"racing.scores={scores}", "racing.timed=2", "racing.draws=2", "racing.best=[1,5]", "racing.risks=[0.1]"]
    options = options_of("racing", [*plan, "racing.references=[0]", f"out={tmp_path}/out", "progress=false"])
    racing_study(setting, options)
    found = json.loads((tmp_path / "out" / "racing.json").read_text())
    assert found["networks"] == NETWORKS - 1 and found["seconds"]["zero_cost"] > 0
    assert [(row["best"], row["risk"]) for row in found["rows"]] == [(1, 0.1), (5, 0.1)]
    for row in found["rows"]:
        assert row["missed"] <= row["most"] <= 2 and row["expected"] <= row["risk"] * row["best"]
        assert 0.3 < row["cost"] <= row["dearest"] < 1 and row["full"] >= 64
    with pytest.raises(ConfigError, match="150"):
        racing_study(setting, {**options, "resume": True, "racing": {**options["racing"], "best": [150]}})
    scores.write_text("{}\n{}\n")
    with pytest.raises(DataError, match="job=rank_all"):
        racing_study(setting, {**options, "resume": True})
