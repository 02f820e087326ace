"""A head on a hypernetwork's encoder, trained with it, on a tiny hypernetwork."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import toy
from lightning_fabric import Fabric
from scipy.stats import kendalltau
from toy_models import CHAIN, EDGE, SAMPLE, cells, save_toy

from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.scoring.load import load
from ghn.spaces.members import live_params
from ghn.types import Score, Trial
from studies.predictor_head import UNTAUGHT, USUAL, Heads, judged, predictor_head_study, ranking_loss
from studies.readings import Readings
from studies.run import options_of

SMALL = [
    "trainer.images=4",
    "trainer.architectures=1",
    "trainer.warmup=5",
    "trainer.sampling=uniform",
    "head.hidden=8",
    "progress=false",
]


@pytest.fixture
def setting(tmp_path: Path, fabric: Fabric) -> Setting:
    path = tmp_path / "run" / "checkpoint.safetensors"
    save_toy(path, toy.SPACE, toy.make_task(), fabric)
    return Setting(toy.SPACE, toy.make_task(), fabric, [str(path)], sample=SAMPLE)


def options(tmp_path: Path, *more: str) -> dict[str, Any]:
    return options_of("predictor_head", [*SMALL, f"out={tmp_path}/out", "bootstrap=10", *more])


@pytest.mark.parametrize(("way", "steps"), [("frozen", 1), ("alone", 1), ("together", 60)])
def test_an_order_that_can_be_learnt_is_learnt(setting: Setting, tmp_path: Path, way: str, steps: int) -> None:
    """Sizes, of networks that were not given; only what may change does, so that a frozen encoder may not know them."""
    archs = [toy.SPACE.format(cell) for cell in cells(50)]
    sizes = {text: float(np.log1p(live_params(toy.SPACE, toy.SPACE.parse(text)))) for text in archs}
    model = load(setting.checkpoints[0], fabric=setting.fabric)
    before = {name: value.clone() for name, value in model.net.state_dict().items()}
    heads = Heads(
        model, setting, archs, options(tmp_path, f"trainer.steps={steps}", "trainer.lr=0.02", "head.share=5.0")
    )
    trained = heads.train({text: sizes[text] for text in archs[:30]}, way, tmp_path / way, seed=0)
    values, embedded = heads.read(trained)
    assert embedded.shape == (50, 8)
    if way == "together":
        assert kendalltau(values[30:], [sizes[text] for text in archs[30:]]).statistic > 0.5
    changed = {name for name, value in trained.net.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith("encoder") for name in changed) == (way != "frozen")
    assert any(name.startswith("decoder") for name in changed) == (way == "together")
    assert all(torch.equal(value, before[name]) for name, value in model.net.state_dict().items())


def test_networks_that_were_given_are_not_judged(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that computes what one of them does."""
    every = [toy.SPACE.format(cell) for cell in (CHAIN, EDGE, *cells(18))]
    accuracies = dict(zip(every, np.random.default_rng(0).random(20).tolist(), strict=True))
    (tmp_path / "a.csv").write_text("\n".join(["arch,test_accuracy", *(f"{a},{v}" for a, v in accuracies.items())]))
    known = [(Trial(text, toy.SPACE.parse(text)), Score(accuracies[text])) for text in [every[0], *every[2:7]]]
    keys = [toy.SPACE.canonical(toy.SPACE.parse(text)) for text in every]
    taught = {toy.SPACE.canonical(trial.arch) for trial, _ in known}
    left = sum(key not in taught for key in keys)
    assert left < len(every) - len(known)
    monkeypatch.setattr(Readings, "history", lambda self, size, draw: known)
    given = options(tmp_path, f"head.table={tmp_path}/a.csv", "head.n=null", "head.sizes=[6]", "head.draws=1")
    given = {**given, "trainer": {**given["trainer"], "steps": 1}, "head": {**given["head"], "ways": ["together"]}}
    predictor_head_study(setting, given)
    found = json.loads((tmp_path / "out" / "predictor_head.json").read_text())["sizes"]["6"]
    assert {UNTAUGHT, USUAL, "head, together", "rank with embedding, together"} < set(found)
    assert found[USUAL]["gain"] == [0, 0, 0] and found["head, together"]["networks"] == [left]
    with pytest.raises(ConfigError, match="beside which networks remain"):
        predictor_head_study(setting, {**given, "resume": True, "head": {**given["head"], "sizes": [11]}})


def test_a_judged_order_is_that_of_what_was_left() -> None:
    """What was given would be ordered wrongly."""
    truth, order = np.arange(20.0), np.arange(20.0)
    order[:5] = np.nan
    rows = judged([{USUAL: -order, "right": order}], truth, np.ones(20), 20)
    assert (rows["right"]["kendall"], rows[USUAL]["kendall"]) == (1, -1)
    assert rows["right"]["gain"] == pytest.approx([2, 2, 2])


def test_pairs_in_order_cost_nothing() -> None:
    targets = torch.tensor([0.0, 1.0, 1.0])
    assert ranking_loss(torch.tensor([-50.0, 50.0, 0.0]), targets) == pytest.approx(0, abs=1e-6)
    assert ranking_loss(torch.tensor([5.0, 5.0, 5.0]), targets) == pytest.approx(np.log(2))
