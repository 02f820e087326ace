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
from ghn.search import make_cost
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
    with pytest.raises(ConfigError, match=r"search\.name cannot have this value(.|\n)*successive_halving"):
        search_job(setting, keys(tmp_path, "annealing"))
    assert not (tmp_path / "out").exists()


# --- bounds, objectives, epochs, budgets


def found_in(tmp_path: Path, name: str = "search") -> Any:
    return json.loads((tmp_path / "out" / f"{name}.json").read_text())


def test_bounds_and_objectives_of_any_searcher(setting: Setting, tmp_path: Path) -> None:
    params, macs = (make_cost(name, toy.SPACE) for name in ("params", "macs"))
    most = sorted(params(arch) for arch in toy.SPACE.distinct()[:30])[20]
    given: dict[str, Any] = {"max_params": most, "objectives": ["params", "macs"], "bands": 2, "estimator": "params"}
    for resume, trials in ((False, 6), (True, 9)):
        limit = {**NO_LIMIT, "trials": trials}
        search_job(setting, keys(tmp_path, "random", resume=resume, limit=limit, **given))
    front, found = found_in(tmp_path, "front"), found_in(tmp_path)
    assert len(front["trials"]) == 9 and front["objectives"] == ["params", "macs"] and found["refused"] > 0
    for point in front["trials"]:
        arch = toy.SPACE.parse(point["arch"])
        assert point["costs"] == {"params": params(arch), "macs": macs(arch)} and params(arch) <= most
    assert all((tmp_path / "out" / name).exists() for name in ("front.png", "front-macs.png"))


def test_latency_is_bounded_and_its_timings_are_kept(setting: Setting, tmp_path: Path) -> None:
    quick = {"batch": 1, "warmup": 1, "repeats": 1, "threads": 1}
    given: dict[str, Any] = {"max_latency": 60_000.0, "latency": quick, "estimator": "params"}
    options = {"founders": 2, "proposals": 3, "children": 2}
    search_job(setting, keys(tmp_path, "lemonade", objectives=["latency"], options=options, **given))
    lines = (tmp_path / "out" / "latency.jsonl").read_text().splitlines()
    assert len(lines) > 6 and json.loads(lines[0])["identity"]["repeats"] == 1
    assert all(point["costs"]["latency"] > 0 for point in found_in(tmp_path, "front")["trials"])


def test_a_judge_chooses_for_the_bayesian_search(setting: Setting, tmp_path: Path) -> None:
    options = {"batch": 3, "pool": 8}
    search_job(setting, keys(tmp_path, "bayesian", judge="params", estimator="flops", options=options))
    assert len(found_in(tmp_path)["candidates"]) == 6
    with pytest.raises(ConfigError, match=r"search\.judge chooses for search=bayesian(.|\n)*search\.screen=16"):
        search_job(setting, keys(tmp_path, "random", judge="params"))


def test_a_largest_budget_is_raised_when_a_search_is_gone_on_with(setting: Setting, tmp_path: Path) -> None:
    setting = replace(setting, recipe=Recipe(epochs=4, batch_size=16), folder=tmp_path / "out")

    def run(budget: float, **changes: Any) -> Any:
        given = {"max_budget": budget, "min_budget": 1, "eta": 2, "n": 4}
        chosen: dict[str, Any] = {"options": given, "estimator": "low_fidelity", "limit": NO_LIMIT, **changes}
        search_job(setting, keys(tmp_path, "successive_halving", **chosen))
        return found_in(tmp_path)

    first = run(2, epoch="best")
    again = run(4, epoch="best", resume=True)
    assert first["spent"]["epochs"] == 4 + 2 and again["spent"]["epochs"] == 4 + 2 + 2
    assert again["candidates"][0]["budget"] == 4 and again["candidates"][0]["bracket"] == 0
    assert again["best"] == [again["candidates"][0]["arch"]]
    with pytest.raises(ConfigError, match=r"more epochs than a training has(.|\n)*recipe\.epochs=20"):
        run(40, resume=True, epoch="best")
