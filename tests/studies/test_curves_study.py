"""Judged models in a table, a file and figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ghn.errors import ConfigError, ExistsError
from studies.curves import Contestant, curves_study, load_curves

OWN = {"models": ["last", "parametric"], "observed": [3, 6], "horizon": None, "folds": 3, "draws": 1, "few": 18}


@pytest.fixture
def csv(tmp_path):
    rng, x = np.random.default_rng(0), np.arange(1, 13)
    rows = [rng.uniform(0.5, 0.8) - 0.3 * x**-0.7 + 0.005 * rng.standard_normal(12) for _ in range(30)]
    path = tmp_path / "curves.csv"
    path.write_text("".join(f"net{i}," + ",".join(f"{v:.4f}" for v in row) + "\n" for i, row in enumerate(rows)))
    return path


def options(csv, tmp_path, **own):
    return {"out": tmp_path / "out", "resume": False, "bootstrap": 20, "curves": {"table": str(csv)} | OWN | own}


def test_curves_in_csv_are_judged_without_a_setting(csv, tmp_path, capsys):
    curves_study(None, options(csv, tmp_path))
    printed = capsys.readouterr().out
    assert "Accuracy after epoch 12" in printed and "epochs saved" in printed
    written = json.loads((tmp_path / "out/curves.json").read_text())
    assert written["runs"] == 30 and written["protocol"]["horizon"] == 12
    assert [(v["model"], v["observed"], v["n"]) for v in written["verdicts"]] == [
        ("last", 3, 30),
        ("last", 6, 30),
        ("parametric", 3, 0),
        ("parametric", 6, 30),
    ]
    assert written["verdicts"][1]["statistics"]["kendall"]["low"] is not None
    assert written["early_termination"]["last"]["runs"] == 30
    for name in ("kendall", "rmse", "coverage_08"):
        assert (tmp_path / f"out/{name}.svg").stat().st_size > 1000
    with pytest.raises(ExistsError):
        curves_study(None, options(csv, tmp_path))


def test_a_contestant_is_a_model_with_additions(csv, tmp_path):
    curves_study(None, options(csv, tmp_path, models=["last+few"]))
    written = json.loads((tmp_path / "out/curves.json").read_text())
    assert [v["n"] for v in written["verdicts"]] == [18, 18]
    assert Contestant.of("parametric+mcmc").additions == {"mcmc", "few"}
    for wrong in ("oracle", "last+wings", "gp+losses", "svr+mcmc"):
        with pytest.raises(ConfigError, match="unknown model"):
            Contestant.of(wrong)


def test_features_come_from_the_space_of_the_references(csv, toy_space):
    from types import SimpleNamespace

    curves = load_curves("embedded", SimpleNamespace(space=toy_space))
    assert curves.features.shape[0] == len(curves) == 128
    assert load_curves("embedded", None).features is None
    with pytest.raises(ConfigError, match="no features"):
        load_curves(str(csv), SimpleNamespace(space=toy_space))
