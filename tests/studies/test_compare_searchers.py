"""Searchers at equal cost, small: simulated on tables, and trained."""

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
from toy_models import SAMPLE

from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError, ExistsError
from ghn.graph import count_params, simplify
from ghn.spaces import make_space
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.types import Score, Space, Trial, member_of
from studies.compare_searchers import compare_searchers_study, write_comparison
from studies.simulated_searches import FixedPrice, embedded_study, published_study, regret_of_budgets
from studies.trained_searches import trained_study


@pytest.fixture
def setting(fabric: Fabric) -> Setting:
    return Setting(toy.SPACE, toy.make_task(), fabric, sample=SAMPLE)


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


def test_comparison_from_options_to_files(setting: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare = {"table": "imagenet", "seeds": 1, "cost": 8, "pilot": 4, "scores": None}
    asked = {"out": str(tmp_path / "out"), "resume": False, "progress": False, "compare": compare}
    with pytest.raises(ConfigError, match="unknown table"):
        compare_searchers_study(setting, asked)
    quartiles = {key: [None, 1.0] for key in ("low", "median", "high")}
    found = {"cost": [1.0, 2.0], "unit": "trainings", "seeds": 5, "regret_points": {"random search": quartiles}}
    write_comparison(found, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "searchers.json").read_text()) == found
    assert (tmp_path / "out" / "searchers.png").read_bytes().startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert "5 seeds: median [quartiles]" in printed and "1.00 [1.00, 1.00]" in printed
    with pytest.raises(ExistsError):
        compare_searchers_study(setting, {**asked, "compare": {**compare, "table": "embedded"}})


def test_a_price_changes_the_cost_and_nothing_else() -> None:
    table = ReferenceTable.load(asset(EMBEDDED))
    archs, known = table.archs(), TableEstimator(table, make_space(table.header.space, **table.header.skeleton), seed=0)
    trials = [Trial(arch, arch, 5.0) for arch in archs[:3]] + [Trial("x", archs[0], 99.0)]
    priced = FixedPrice(known, lambda trial, score: 2.0 * (trial.budget or 0.0) if score.ok else 1.0, "twice")
    plain, found = known.score(trials), priced.score(trials)
    assert [s.cost_seconds for s in found] == [10.0, 10.0, 10.0, 1.0] and not found[3].ok
    assert [s.value for s in found[:3]] == [s.value for s in plain[:3]]
    assert priced.identity["price"] == "twice" and priced.identity["estimator"] == known.identity


def test_what_is_told_its_budget_runs_once_a_budget() -> None:
    asked: list[tuple[int, float]] = []

    def find(seed: int, budget: float) -> str | None:
        asked.append((seed, budget))
        return "arch" if budget >= 2 else None

    found = regret_of_budgets(find, {"arch": 0.7}.__getitem__, 0.9, [1.0, 2.0], seeds=2)
    assert np.isnan(found[:, 0]).all() and found[:, 1] == pytest.approx(0.2)
    assert asked == [(0, 1.0), (0, 2.0), (1, 1.0), (1, 2.0)]
