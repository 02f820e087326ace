"""Rules that weigh readings without an accuracy."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, save_toy

from ghn.analysis.correction import shared_votes, votes_of
from ghn.app.setting import Setting
from studies.rules import PRESENT, agreement, equal_contributions, normal, one_factor, rules, rules_study
from studies.run import options_of


def test_readings_and_rules_are_judged(tmp_path: Path, fabric: Fabric) -> None:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    setting = Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], sample=SAMPLE)
    given = ["rules.n=16", "rules.image_samples=2", "rules.proxies=[synflow]", "bootstrap=20", "progress=false"]
    options = options_of("rules", [*given, f"out={tmp_path}/out"])
    rules_study(setting, options)
    found = json.loads((tmp_path / "out" / "rules.json").read_text())
    assert found["n"] == 16 and found["rows"][PRESENT]["gain"][0] == 0
    assert {"live parameters", "meco", "synflow", "a vote a reading", "ghn_depth1 norm"} <= set(found["rows"])
    files = {p: p.read_bytes() for p in (tmp_path / "out" / "readings").iterdir()}
    rules_study(setting, {**options, "resume": True})
    assert json.loads((tmp_path / "out" / "rules.json").read_text())["rows"] == found["rows"]
    assert files == {p: p.read_bytes() for p in (tmp_path / "out" / "readings").iterdir()}


def test_a_factor_behind_readings_is_found() -> None:
    """Loadings .9, .7 and .5 of one factor, and a reading of nothing."""
    loadings = np.array([0.9, 0.7, 0.5, 0.0])
    correlations = np.outer(loadings, loadings)
    np.fill_diagonal(correlations, 1)
    assert one_factor(correlations) == pytest.approx(loadings / (1 - loadings**2), abs=0.01)
    assert agreement(correlations) == pytest.approx([0.36, 0.98 / 3, 0.8 / 3, 0])


def test_equal_contributions_are_equal() -> None:
    correlations = np.corrcoef(np.random.default_rng(0).normal(size=(4, 30)) + np.linspace(0, 1, 30))
    weights = equal_contributions(correlations)
    parts = weights * (correlations @ weights)
    assert parts == pytest.approx(np.full(4, parts[0]))


def test_votes_and_what_failed() -> None:
    names = ["live parameters", "multiply-adds", "meco", "ghn loss", "ghn_depth3 loss", "ghn norm", "swap"]
    scores = {name: normal(np.random.default_rng(i).normal(size=30)) for i, name in enumerate(names)}
    found, size = rules(names), (scores["live parameters"] + scores["multiply-adds"]) / 2
    expected = [size, scores["meco"], scores["ghn loss"], scores["ghn_depth3 loss"]]
    assert found["a vote a reading"](scores) == pytest.approx(np.sum(expected, axis=0))
    votes = shared_votes(np.stack(expected, 1), [1] * 4)
    assert found["shared votes, MeCo alone"](scores) == pytest.approx(votes @ np.array(expected))
    ways = [np.stack([scores[name] for name in names], 1) for names in (names[:2], ("meco", "swap"))]
    ways += [one[:, None] for one in expected[2:]]
    trusting = np.stack([one.mean(1) for one in ways], 1) @ votes_of(ways, [1] * 4)
    assert found["votes of means"](scores) == pytest.approx(trusting) != pytest.approx(votes @ np.array(expected))
    same = {**scores, "swap": scores["meco"], "multiply-adds": scores["live parameters"]}  # nothing that is new
    assert found["votes of means"](same) == pytest.approx(found["shared votes, MeCo alone"](same))
    assert found[PRESENT](same) != pytest.approx(found["votes of means"](same))
    true = {**same, **{n: 0.9 * scores["meco"] + 0.4 * scores[n] for n in (*names[:2], "ghn loss", "ghn_depth3 loss")}}
    assert found[PRESENT](true) == pytest.approx(found["votes of means"](true))  # all are confirmed
    more = {**same, "naswot": scores["ghn loss"] + scores["ghn_depth3 loss"] + scores["ghn norm"]}
    asked = rules([*names, "naswot"])
    assert asked["confirmed, no further readings"](more) == pytest.approx(found[PRESENT](same))
    assert asked["votes of means"](more) == pytest.approx(found["votes of means"](same))
    silent = {**more, "meco": np.zeros(30), "swap": np.zeros(30)}
    assert np.ptp(asked["confirmed, no further readings"](silent)) > 0  # a witness that says nothing, of nobody
    assert found["two votes for all losses"](scores) == pytest.approx(np.sum(expected, axis=0))
    assert normal(np.array([0.3, np.nan, 0.1])).argmin() == 1
    flat = {**scores, "ghn norm": np.zeros(30), "meco": np.zeros(30)}
    assert all(np.isfinite(rule(flat)).all() for rule in found.values())
