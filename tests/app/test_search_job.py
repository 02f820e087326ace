"""`job=search`, from plain options."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import toy
from job_cases import keys_for
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.search import search_job
from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.train.network import Recipe


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE, Recipe(epochs=1, batch_size=16))


NO_LIMIT = {"trials": None, "seconds": None, "cost_seconds": None, "epochs": None}


def keys(tmp_path: Path, name: str = "random", *, resume: bool = False, **search: Any) -> Any:
    chosen = {"name": name, "estimator": "training", "limit": {**NO_LIMIT, "trials": 6}, **search}
    return keys_for("search", out=str(tmp_path / "out"), resume=resume, search=chosen)


def test_a_search_by_training(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen: dict[str, Any] = {"options": {"population": 3, "sample": 2}}
    search_job(setting, keys(tmp_path, "evolution", **chosen))
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert found["spent"]["trials"] == found["spent"]["epochs"] == 6 and found["stopped"] == "limit"
    values = [candidate["value"] for candidate in found["candidates"]]
    assert values == sorted(values, reverse=True) and len(values) == 6
    assert toy.SPACE.parse(found["candidates"][0]["arch"])
    assert (tmp_path / "out" / "search.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert found["candidates"][0]["arch"][:30] in printed and "6 trials, 0 failed; 6 epochs" in printed

    with pytest.raises(ExistsError):
        search_job(setting, keys(tmp_path, "evolution", **chosen))
    chosen |= {"limit": {**NO_LIMIT, "trials": 8}, "resume": True}
    search_job(setting, keys(tmp_path, "evolution", **chosen))
    assert json.loads((tmp_path / "out" / "search.json").read_text())["spent"]["trials"] == 8
    with pytest.raises(DataError, match="estimator differ"):
        search_job(replace(setting, recipe=Recipe(epochs=2, batch_size=16)), keys(tmp_path, "evolution", **chosen))


@pytest.mark.parametrize(("name", "given"), [("random", {}), ("asha", {"max_budget": 3})])
def test_the_hypernetwork_screens(setting: Setting, tmp_path: Path, name: str, given: dict[str, Any]) -> None:
    search_job(setting, keys(tmp_path, name, options=given, screen=4, estimator="random_init"))
    header = json.loads((tmp_path / "out" / "history.jsonl").read_text().splitlines()[0])
    searcher = header["identity"]["searcher"]
    assert searcher.get("inner", searcher) and "screened" in json.dumps(searcher)


def test_rungs_of_a_scheduler_are_trained_on(setting: Setting, tmp_path: Path) -> None:
    setting = replace(setting, recipe=Recipe(epochs=4, batch_size=16), folder=tmp_path / "out")
    given = {"max_budget": 4, "min_budget": 1, "eta": 2, "n": 4}
    search_job(setting, keys(tmp_path, "successive_halving", options=given, estimator="low_fidelity", limit=NO_LIMIT))
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert found["spent"] == {"trials": 7, "epochs": 4 + 2 + 2, "cost_seconds": found["spent"]["cost_seconds"]}
    assert found["candidates"][0]["budget"] == 4 and found["failures"] == 0


def test_unknown_searchers_leave_nothing_behind(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown searcher"):
        search_job(setting, keys(tmp_path, "annealing"))
    assert not (tmp_path / "out").exists()
