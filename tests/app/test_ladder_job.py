"""The ladder from plain options: real trainings on the toy task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy
from job_cases import keys_for
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.search import ladder_job
from ghn.app.setting import Setting
from ghn.errors import ConfigError, ExistsError
from ghn.train.network import Recipe


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    recipe = Recipe(epochs=4, batch_size=20)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE, recipe, folder=tmp_path / "out")


def keys(tmp_path: Path, *, resume: bool = False, **search: Any) -> Any:
    steps = [{"estimator": "ghn"}, *({"estimator": "low_fidelity", "budget": b} for b in (1, 4))]
    chosen = {"seconds": 20.0, "pool": 40, "pilot": 4, "steps": steps, **search}
    return keys_for("ladder", out=str(tmp_path / "out"), resume=resume, search=chosen)


def test_climbs_and_goes_on(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ladder_job(setting, keys(tmp_path))
    found = json.loads((tmp_path / "out" / "ladder.json").read_text())
    assert list(found["judged"]) == ["ghn", "low_fidelity 1", "low_fidelity 4"]
    assert found["judged"]["low_fidelity 4"] >= 5
    assert sum(found["seconds"].values()) <= 1.25 * 20  # what a trial takes is foreseen
    values = [value for step, _, value, _ in found["history"] if step == "low_fidelity 4"]
    assert found["value"] == max(values) and toy.SPACE.parse(found["best"])
    printed = capsys.readouterr().out
    assert found["best"] in printed and "low_fidelity 1" in printed
    with pytest.raises(ExistsError):
        ladder_job(setting, keys(tmp_path))
    ladder_job(setting, keys(tmp_path, resume=True))
    assert json.loads((tmp_path / "out" / "ladder.json").read_text()) == found


@pytest.mark.parametrize(
    ("search", "reason"),
    [
        ({"seconds": 1e-6}, "does not pay for the pilot"),
        ({"max_params": 1}, "within the bounds"),
        ({"pool": 10**6}, "fewer distinct networks"),
        ({"steps": [{"estimator": "gnh"}, {"estimator": "training"}]}, r"search\.steps\.0\.estimator"),
        ({"steps": [{"estimator": "ghn"}, {"estimator": "low_fidelity", "budget": 9}]}, "number of epochs"),
    ],
)
def test_what_does_not_fit(setting: Setting, tmp_path: Path, search: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        ladder_job(setting, keys(tmp_path, **search))
