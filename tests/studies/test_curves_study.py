"""Judged models in a table, a file and figures."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ghn.errors import ConfigError, ExistsError
from ghn.tables.curves import Curves
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
    assert load_curves(str(csv), SimpleNamespace(space=toy_space)).features is None  # its names are no architectures


def test_architectures_in_a_csv_have_features(tmp_path, toy_space):
    from types import SimpleNamespace

    archs = [toy_space.format(cell) for cell in toy_space.distinct()[100:103]]
    (tmp_path / "mine.csv").write_text("index,epoch_1,epoch_2\n" + "".join(f"{arch},40,55\n" for arch in archs))
    curves = load_curves(str(tmp_path / "mine.csv"), SimpleNamespace(space=toy_space))
    assert curves.features.shape[0] == 3 and len(np.unique(curves.features, axis=0)) == 3
    np.testing.assert_allclose(curves.val_accuracy, [[0.4, 0.55]] * 3)


def test_the_usual_models_are_those_that_a_csv_can_feed(csv, tmp_path, monkeypatch, capsys, toy_space):
    from types import SimpleNamespace

    monkeypatch.setattr("studies.curves.find_spec", lambda package: None)
    monkeypatch.setattr("studies.curves.USUAL", ("last", "sotl", "parametric", "svr+losses", "svr+features", "gp"))
    setting = SimpleNamespace(space=toy_space)
    curves_study(setting, options(csv, tmp_path, models=None, observed=None))
    printed = capsys.readouterr().out
    for line in ("sotl: it needs training losses", "svr+features: it needs features", "gp: it needs gpytorch (pip"):
        assert f"left out {line}" in printed
    written = json.loads((tmp_path / "out/curves.json").read_text())
    assert written["protocol"]["observed"] == [1, 2, 4, 6]
    assert {v["model"] for v in written["verdicts"]} == {"last", "parametric"}
    with pytest.raises(ConfigError, match=r"sotl needs training losses; svr\+features needs"):
        curves_study(setting, options(csv, tmp_path, models=["sotl", "svr+features"]))


def test_models_are_usually_asked_after_shares_of_the_epochs():
    from studies.curves import usual_epochs

    def curves(epochs):
        return Curves(("a",), tuple(epochs), [[0.1] * len(epochs)])

    assert usual_epochs(curves(range(1, 21)), 20) == [2, 4, 6, 10]
    assert usual_epochs(curves([5, 10, 40, 100]), 100) == [10, 40]
    with pytest.raises(ConfigError, match="no epoch before"):
        usual_epochs(curves([7]), 7)
