"""The study of morphisms and the front of LEMONADE, from plain options to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy
from job_cases import keys_for
from lightning_fabric import Fabric
from toy_models import SAMPLE, cells

from ghn.app.search import search_job
from ghn.app.setting import Setting
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.families.training.full import TrainingEstimator
from ghn.report.searches import write_front
from ghn.search import SearchResult, make_cost
from ghn.search.references import train_references
from ghn.tasks import make_task
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Score, Trial
from studies.morphism import judge_accuracies, morphism_study

RECIPE = Recipe(epochs=2, batch_size=40)


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    fidelity = Fidelity(epochs=1)
    return Setting(
        toy.SPACE, toy.make_task(), fabric, (), sample=SAMPLE, recipe=RECIPE, fidelity=fidelity, folder=tmp_path / "out"
    )


@pytest.fixture
def options(setting: Setting, tmp_path: Path, fabric: Fabric) -> dict[str, Any]:
    trainer = TrainingEstimator(setting.space, setting.task, RECIPE, fabric)
    jobs = [(setting.space.format(cell), 0) for cell in cells(10)]
    train_references(trainer, jobs, tmp_path / "table.jsonl", progress=False)
    table = str(tmp_path / "table.jsonl")
    return {"out": str(tmp_path / "out"), "n": 10, "references": table, "resume": False, "progress": False}


def test_heirs_against_trainings_from_scratch(setting: Setting, options: dict[str, Any], capsys: Any) -> None:
    morphism_study(setting, options)
    found = json.loads((Path(options["out"]) / "morphism.json").read_text())
    assert set(found["ways"]) == {"morphism, 1 epochs", "from scratch, 1 epochs", "from scratch, 2 epochs"}
    heirs, same, _ = found["ways"].values()
    assert heirs["macs"] == same["macs"] and heirs["shared_macs"] > 0 == same["shared_macs"]
    assert all(way["failed"] == 0 and way["error"] >= abs(way["bias"]) for way in found["ways"].values())
    assert "from scratch, 2 epochs" in capsys.readouterr().out
    with pytest.raises(ExistsError):
        morphism_study(setting, options)
    before = found["ways"]
    morphism_study(setting, {**options, "resume": True})
    assert json.loads((Path(options["out"]) / "morphism.json").read_text())["ways"] == before


def test_what_cannot_be_compared(setting: Setting, tmp_path: Path) -> None:
    options = {"out": str(tmp_path / "out"), "n": 97, "references": "all", "resume": False, "progress": False}
    with pytest.raises(DataError):
        morphism_study(setting, options)
    small = Setting(
        toy.SPACE.__class__((3, 16, 16), 10, width=8, depth=1), make_task("cifar10_embedded"), setting.fabric
    )
    for n in (9, 97):
        with pytest.raises(ConfigError, match="10 to 96"):
            morphism_study(small, {**options, "n": n})
    assert not (tmp_path / "out").exists()


def test_errors_are_in_points_and_failures_are_counted() -> None:
    full = [i / 20 for i in range(12)]
    scores = [Score(a - 0.1, 2.0, extra={"macs": 5.0}) for a in full[:-1]] + [Score.failed("it broke")]
    row = judge_accuracies(scores, full)
    assert row["error"] == pytest.approx(10) and row["bias"] == pytest.approx(-10)
    assert (row["kendall"], row["seconds"], row["macs"], row["failed"]) == (1.0, 2.0, 5.0, 1)


def test_the_front_of_a_search(tmp_path: Path) -> None:
    result, archs = SearchResult(), cells(6)
    for i, arch in enumerate(archs):
        result.add(Trial(str(i), arch, 1.0), Score.failed("it broke") if i == 5 else Score(0.1 * i, budget=1.0))
    write_front(result, toy.SPACE, tmp_path, [make_cost("params", toy.SPACE)])
    found = json.loads((tmp_path / "front.json").read_text())
    points = {p["id"]: (p["value"], p["cost"]) for p in found["trials"]}
    assert set(points) == set("01234")
    for one, (value, cost) in points.items():
        beaten = any(v >= value and c <= cost and (v, c) != (value, cost) for v, c in points.values())
        assert (one in found["front"]) != beaten
    assert (tmp_path / "front.png").read_bytes().startswith(b"\x89PNG")


def test_lemonade_as_a_job(setting: Setting, tmp_path: Path) -> None:
    limit = {"trials": 6, "seconds": None, "cost_seconds": None, "epochs": None}
    search = {
        "name": "lemonade",
        "seed": 0,
        "estimator": "morphism",
        "options": {"founders": 3, "proposals": 4, "children": 2},
        "limit": limit,
        "workers": 1,
        "screen": 0,
    }
    search_job(setting, keys_for("search", out=str(tmp_path / "out"), search=search))
    found = json.loads((tmp_path / "out" / "front.json").read_text())
    assert found["objective"] == "params" and len(found["trials"]) == 6
    assert {p["parent"] is None for p in found["trials"][:3]} == {True}
    assert {p["parent"] is None for p in found["trials"][3:]} == {False}
