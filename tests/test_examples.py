"""The examples run on small settings, and do what they say."""

from __future__ import annotations

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import ghn
from ghn.scoring.load import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
pytestmark = pytest.mark.usefixtures("few_images")


def run(name: str, *arguments: object) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A hypernetwork of two steps for narrow networks, made by the first example."""
    folder = tmp_path_factory.mktemp("examples") / "run"
    run("train_once.py", "--steps", 2, "--width", 4, "--out", folder)
    return folder / "checkpoint.safetensors"


@pytest.fixture(scope="module")
def checkpoint(trained) -> Path:
    """The shipped hypernetwork, or the small one as long as that is missing."""
    return ROOT / SHIPPED if (ROOT / SHIPPED).exists() else trained


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_short(path):
    assert len(path.read_text().splitlines()) < 65


def test_train_once_goes_on(trained, capsys):
    run("train_once.py", "--steps", 2, "--width", 4, "--out", trained.parent, "--resume")
    assert "2 steps" in capsys.readouterr().out


def test_demo_goes_on(tmp_path, capsys):
    small = ("--steps", 2, "--networks", 30, "--shown", 1, "--epochs", 1, "--out", tmp_path / "own")
    run("demo.py", *small)
    first = capsys.readouterr().out.splitlines()
    assert [line[0] for line in first if line[1:3] == ". "] == ["1", "2", "3"]
    assert first[-2].startswith("the first 1: ") and first[-1].startswith("the last 1: ")
    run("demo.py", *small)
    assert capsys.readouterr().out.splitlines() == first


def test_score_thousands_resumes(checkpoint, tmp_path, capsys):
    out = tmp_path / "scores.jsonl"
    small = ("--images", 64, "--checkpoint", checkpoint, "--out", out)
    run("score_thousands.py", "--n", 6, *small)
    first = out.read_text().splitlines()
    run("score_thousands.py", "--n", 9, *small)
    after = out.read_text().splitlines()
    assert len(first) == 7  # a header, then a line a network
    assert after[:7] == first
    assert len({json.loads(line)["id"] for line in after[1:]}) == 9
    assert "9 scores, 0 failed" in capsys.readouterr().out


def test_optuna_looks_up(trained, capsys):
    run("optuna_surrogate.py", "--table", "--trainings", 6, "--pool", 4, "--seeds", 1, "--checkpoint", trained)
    assert "seed 0, best of 6: with ghn 0." in capsys.readouterr().out


def test_optuna_trains(trained, capsys, monkeypatch):
    task = ghn.make_task("cifar10_embedded")
    small = replace(task, train=task.train.take(512, seed=0))
    monkeypatch.setattr(ghn, "make_task", lambda name: small, raising=False)
    run("optuna_surrogate.py", "--trainings=1", "--pool=2", "--seeds=1", "--epochs=1", "--checkpoint", trained)
    assert "seed 0, best of 1: with ghn 0." in capsys.readouterr().out


def test_syne_tune_simulates(checkpoint, tmp_path, capsys, monkeypatch):
    pytest.importorskip("syne_tune")
    monkeypatch.setenv("SYNETUNE_FOLDER", str(tmp_path))
    run("syne_tune_surrogate.py", "--trainings", 2, "--seeds", 1, "--pool", 3, "--checkpoint", checkpoint)
    assert "seed 0, best of 2: with ghn 0." in capsys.readouterr().out


@pytest.mark.slow  # a cluster and its processes start
def test_ray_looks_up(checkpoint, tmp_path, capsys):
    pytest.importorskip("ray")
    small = ("--trainings", 1, "--seeds", 1, "--pool", 2, "--checkpoint", checkpoint)
    run("ray_surrogate.py", *small, "--out", tmp_path)
    assert "seed 0, best of 1: with ghn 0." in capsys.readouterr().out


def test_pymoo_looks_up(checkpoint, capsys):
    pytest.importorskip("pymoo")
    small = ("--trainings", 2, "--seeds", 1, "--population", 2, "--generations", 1, "--checkpoint", checkpoint)
    run("pymoo_surrogate.py", *small)
    assert "seed 0, trainings (2, 2): volume with ghn 0." in capsys.readouterr().out


def test_ax_looks_up(checkpoint, capsys):
    pytest.importorskip("ax")
    run("ax_surrogate.py", "--trainings", 2, "--seeds", 1, "--pool", 2, "--checkpoint", checkpoint)
    assert "seed 0, best of 2: with ghn 0." in capsys.readouterr().out


def test_scikit_learn_orders(checkpoint, capsys):
    run("sklearn_surrogate.py", "--networks", 20, "--trainings", 10, "--seeds", 1, "--checkpoint", checkpoint)
    assert "seed 0, 10 trainings: Kendall's tau with ghn" in capsys.readouterr().out


def test_own_space_trains_ranks_and_goes_on(tmp_path, capsys, monkeypatch):
    task = ghn.make_task("cifar10_embedded")
    small = replace(task, train=task.train.take(256, seed=0), val=task.val.take(64, seed=0))
    monkeypatch.setattr(ghn, "make_task", lambda name: small, raising=False)
    settings = (
        "--steps",
        2,
        "--population",
        20,
        "--networks",
        28,
        "--references",
        8,
        "--epochs",
        1,
        "--out",
        tmp_path / "run",
    )
    run("own_space.py", *settings)
    first = capsys.readouterr().out
    assert [line.split()[0] for line in first.splitlines()[-5:]] == [
        "graph/params",
        "zero_cost/meco",
        "ghn/loss",
        "rank",
        "with",
    ]
    run("own_space.py", *settings)  # everything is there
    assert capsys.readouterr().out.splitlines()[-5:] == first.splitlines()[-5:]
