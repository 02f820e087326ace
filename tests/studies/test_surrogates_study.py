"""The studies of surrogates and of progressive search, small, from options to files."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.analysis.correlation import kendall
from ghn.app.setting import Setting
from ghn.errors import ConfigError, ExistsError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.types import Score, Trial
from studies.pnas import pnas_study
from studies.surrogates import choose_networks, surrogates_study


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], ["loss"], SAMPLE)


@pytest.fixture
def options(tmp_path: Path) -> dict[str, Any]:
    return {
        "out": str(tmp_path / "out"),
        "resume": False,
        "progress": False,
        "candidates": "report",
        "n": 20,
        "pool": 40,
        "draws": 2,
        "sizes": [12, 20],
        "models": ["ridge", "gaussian_process"],
        "sets": None,
        "inputs": {"hypernetwork": ["scores", "embedding"]},
        "beam": 3,
    }


def test_studies_surrogates_and_takes_a_study_up_again(
    setting: Setting, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    surrogates_study(setting, options)
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    rows = [f"{model}, {inputs}" for inputs in options["inputs"] for model in options["models"]]
    assert list(study["rows"]) == rows
    for sizes in study["rows"].values():
        assert list(sizes) == ["12", "20"]
        for held in sizes.values():
            assert len(held["kendall"]) == len(held["covered 80%"]) == len(held["seconds"]) == 2
            assert all(-1 <= tau <= 1 for tau in held["kendall"]) and all(0 <= c <= 1 for c in held["covered 80%"])
    printed = capsys.readouterr().out
    assert all(row in printed for row in rows) and "best 20 %" in printed
    assert [p.name for p in (tmp_path / "out").glob("*.svg")] == ["inputs_hypernetwork.svg"]
    with pytest.raises(ExistsError):
        surrogates_study(setting, options)
    cells = tmp_path / "out" / "cells.jsonl"
    whole = cells.read_text()
    cells.write_text("".join(whole.splitlines(keepends=True)[:-2]))
    surrogates_study(setting, {**options, "resume": True})
    again = json.loads((tmp_path / "out" / "study.json").read_text())
    assert again["rows"][rows[0]]["12"]["kendall"] == study["rows"][rows[0]]["12"]["kendall"]
    assert again["rows"][rows[-1]]["20"]["kendall"] == pytest.approx(study["rows"][rows[-1]]["20"]["kendall"])


def test_references_are_never_among_the_judged() -> None:
    report, development = (set(load_sample(name).archs()) for name in ("report", "development"))
    canonical = toy.SPACE.canonical
    for sample, own in (("report", report), ("development", development)):
        pool, judged = choose_networks(toy.SPACE, sample, None, 484)
        assert len(judged) == 484 and set(judged) <= own
        taken = {canonical(toy.SPACE.parse(text)) for text in own | report}
        assert not taken & {canonical(toy.SPACE.parse(text)) for text in pool}
        assert len(pool) == (3914 if sample == "report" else 3430)


def test_what_is_not_given_of_the_development_sample_is_judged(
    setting: Setting, options: dict[str, Any], tmp_path: Path
) -> None:
    pool, judged = choose_networks(toy.SPACE, "rest", None, 1000)
    assert pool == judged == load_sample("development").archs("random", "embedded-random")
    change = {"candidates": "rest", "n": 40, "models": ["ridge"], "sizes": [12], "sets": ["graph_features"]}
    inputs = {**options["inputs"], "graph_features": ["graph"]}
    surrogates_study(setting, {**options, **change, "inputs": inputs})
    study = json.loads((tmp_path / "out" / "study.json").read_text())
    assert list(study["rows"]) == ["ridge, graph_features"] and study["identity"]["candidates"] == "rest"
    values = np.array([load_sample("development").accuracy[text] for text in pool[:40]])
    trials = [Trial(text, toy.SPACE.parse(text)) for text in pool[:40]]
    for draw, found in enumerate(study["rows"]["ridge, graph_features"]["12"]["kendall"]):
        given = np.random.default_rng([draw, 12]).choice(40, 12, replace=False)
        surrogate = SurrogateEstimator(toy.SPACE, ["graph"], "ridge", seed=draw)
        surrogate.fit([(trials[i], Score(values[i])) for i in given])
        left = np.setdiff1d(np.arange(40), given)
        scores = surrogate.score([trials[i] for i in left])
        assert kendall([s.value for s in scores], values[left]) == pytest.approx(found, abs=0.01)


@pytest.mark.parametrize(
    "change", [{"sets": ["none"]}, {"sizes": [12, 41]}, {"draws": 0}, {"sizes": []}, {"models": ["svm"]}]
)
def test_a_study_that_cannot_be_made(setting: Setting, options: dict[str, Any], change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        surrogates_study(setting, {**options, **change, "inputs": {"adjacency": ["adjacency"]}})
    assert not Path(options["out"]).exists()


def test_a_search_with_an_unknown_surrogate_is_refused_before_it_begins(
    setting: Setting, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="unknown model of a surrogate"):
        pnas_study(setting, {**options, "models": ["svm"]})
    assert not Path(options["out"]).exists()


@pytest.mark.skipif(find_spec("analognasbench") is None, reason="needs the extra nasbench")
def test_compares_progressive_with_random_search(
    setting: Setting, options: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pnas_study(setting, {**options, "models": ["ridge"]})
    found = json.loads((tmp_path / "out" / "pnas.json").read_text())["regret"]
    assert list(found) == ["PNAS, ridge", "random search"]
    for seeds in found.values():
        assert [len(regret) for regret in seeds] == [12, 12]
        assert all(regret == sorted(regret, reverse=True) and regret[-1] >= 0 for regret in seeds)
    assert "12 trainings" in capsys.readouterr().out
