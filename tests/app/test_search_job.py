"""`job=search` and `job=compare_searchers`, from plain options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from doubles import Double
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.app.search import search_job
from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.graph import count_params, simplify
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Score, Space, Trial, member_of
from studies.compare_searchers import compare_searchers_job, write_comparison
from studies.searchers import embedded_study, published_study, trained_study


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE, Recipe(epochs=1, batch_size=16))


def options(tmp_path: Path, name: str = "random", **search: Any) -> dict[str, Any]:
    limit = {"trials": 6, "seconds": None, "cost_seconds": None, "epochs": None}
    chosen = {
        "name": name,
        "seed": 0,
        "estimator": "training",
        "options": {},
        "limit": limit,
        "workers": 1,
        "screen": 0,
    }
    chosen |= search
    out = {"out": str(tmp_path / "out"), "resume": False, "progress": False}
    return {**out, "search": chosen}


def test_a_search_by_training(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = options(tmp_path, "evolution", options={"population": 3, "sample": 2})
    search_job(setting, chosen)
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert found["spent"]["trials"] == found["spent"]["epochs"] == 6 and found["stopped"] == "limit"
    values = [candidate["value"] for candidate in found["candidates"]]
    assert values == sorted(values, reverse=True) and len(values) == 6
    assert toy.SPACE.parse(found["candidates"][0]["arch"])
    assert (tmp_path / "out" / "search.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert found["candidates"][0]["arch"][:30] in printed and "6 trials, 0 failed; 6 epochs" in printed

    with pytest.raises(ExistsError):
        search_job(setting, chosen)
    chosen["search"]["limit"]["trials"] = 8
    search_job(setting, {**chosen, "resume": True})
    assert json.loads((tmp_path / "out" / "search.json").read_text())["spent"]["trials"] == 8
    with pytest.raises(DataError, match="estimator differ"):
        search_job(replace(setting, recipe=Recipe(epochs=2, batch_size=16)), {**chosen, "resume": True})


@pytest.mark.parametrize(("name", "given"), [("random", {}), ("asha", {"max_budget": 3})])
def test_the_hypernetwork_screens(setting: Setting, tmp_path: Path, name: str, given: dict[str, Any]) -> None:
    search_job(setting, options(tmp_path, name, options=given, screen=4, estimator="random_init"))
    header = json.loads((tmp_path / "out" / "history.jsonl").read_text().splitlines()[0])
    searcher = header["identity"]["searcher"]
    assert searcher.get("inner", searcher) and "screened" in json.dumps(searcher)


def test_rungs_of_a_scheduler_are_trained_on(setting: Setting, tmp_path: Path) -> None:
    setting = replace(setting, recipe=Recipe(epochs=4, batch_size=16), folder=tmp_path / "out")
    given = {"max_budget": 4, "min_budget": 1, "eta": 2, "n": 4}
    limit = {"trials": None, "seconds": None, "cost_seconds": None, "epochs": None}
    chosen = options(tmp_path, "successive_halving", options=given, estimator="low_fidelity", limit=limit)
    search_job(setting, chosen)
    found = json.loads((tmp_path / "out" / "search.json").read_text())
    assert found["spent"] == {"trials": 7, "epochs": 4 + 2 + 2, "cost_seconds": found["spent"]["cost_seconds"]}
    assert found["candidates"][0]["budget"] == 4 and found["failures"] == 0


def test_unknown_searchers_leave_nothing_behind(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown searcher"):
        search_job(setting, options(tmp_path, "annealing"))
    assert not (tmp_path / "out").exists()


class Size(Double):
    """Counts live parameters, at a second each."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [
            Score(float(count_params(simplify(toy.SPACE.network(member_of(toy.SPACE, t.arch)).graph))), 1.0)
            for t in trials
        ]


def size(space: Space[Any], pool: Sequence[Any]) -> Size:
    return Size()


def check_quartiles(found: dict[str, Any], searchers: set[str]) -> None:
    assert set(found["regret_points"]) == searchers
    for rows in found["regret_points"].values():
        assert len(rows["median"]) == len(found["cost"])
        assert 0 <= rows["low"][-1] <= rows["median"][-1] <= rows["high"][-1] < 40


def test_comparison_on_the_embedded_curves() -> None:
    found = embedded_study(size, seeds=2, cost=8).summary()
    check_quartiles(found, {"random search", "successive halving", "Hyperband", "ASHA", "ladder"})
    assert found["cost"] == [7, 8]
    with pytest.raises(ConfigError, match=r"compare\.cost is too small"):
        embedded_study(size, cost=6)


@pytest.mark.skipif(find_spec("analognasbench") is None, reason="needs the extra nasbench")
def test_comparison_on_the_published_table() -> None:
    found = published_study(size, seeds=2, cost=12, limit=40).summary()
    check_quartiles(found, {"random search", "evolution", "ladder"})
    rows = found["regret_points"]["random search"]
    assert rows["median"] == sorted(rows["median"], reverse=True) and found["cost"][-1] == 12


def test_comparison_with_real_trainings_goes_on(setting: Setting, tmp_path: Path) -> None:
    setting = replace(setting, recipe=Recipe(epochs=3, batch_size=20), fidelity=Fidelity(None), folder=tmp_path / "out")
    found = trained_study(setting, Size(), tmp_path / "out", seeds=1, cost=7, pilot=4, pool=20, progress=False)
    check_quartiles(found.summary(), {"random search", "evolution", "Hyperband", "ladder"})
    assert np.nanmin(np.concatenate(list(found.regrets.values()))) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "trainings").rglob("*.json")}
    again = trained_study(setting, Size(), tmp_path / "out", seeds=1, cost=7, pilot=4, pool=20, progress=False)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for name, regret in found.regrets.items():
        np.testing.assert_array_equal(again.regrets[name], regret)
    with pytest.raises(ConfigError, match="several epochs"):
        trained_study(replace(setting, recipe=Recipe(epochs=2)), Size(), tmp_path / "x")


def test_comparison_as_a_job(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare = {"table": "imagenet", "seeds": 1, "cost": 8, "pilot": 4, "scores": None}
    asked = {"out": str(tmp_path / "out"), "resume": False, "progress": False, "compare": compare}
    with pytest.raises(ConfigError, match="unknown table"):
        compare_searchers_job(setting, asked)
    quartiles = {key: [None, 1.0] for key in ("low", "median", "high")}
    found = {"cost": [1.0, 2.0], "unit": "trainings", "seeds": 5, "regret_points": {"random search": quartiles}}
    write_comparison(found, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "searchers.json").read_text()) == found
    assert (tmp_path / "out" / "searchers.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "5 seeds: median [quartiles]" in printed and "1.00 [1.00, 1.00]" in printed
    with pytest.raises(ExistsError):
        compare_searchers_job(setting, {**asked, "compare": {**compare, "table": "embedded"}})
