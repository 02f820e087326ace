"""Studies of generated weights as a start, and of several tasks: that they run, and what they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ghn.app.setting import Setting
from studies import initialisation, several_tasks
from studies.run import options_of


def test_generated_and_random_starts_are_compared(toy_task: Any, toy_space: Any, fabric: Any, tmp_path: Path) -> None:
    given = [
        "initialisation.steps=2",
        "initialisation.networks=2",
        "initialisation.seeds=1",
        "initialisation.rates=[0.1]",
    ]
    options = options_of("initialisation", [*given, "recipe.epochs=1", "recipe.batch_size=16", f"out={tmp_path}"])
    initialisation.initialisation_study(Setting(toy_space, toy_task, fabric), options)
    found = json.loads((tmp_path / "initialisation.json").read_text())
    assert np.array(found["generated"]).shape == np.array(found["random"]).shape == (2, 1, 2)
    assert found["generated"] != found["random"] and list(tmp_path.glob("initialisation.*g"))
    lines = initialisation.told({k: np.array(found[k]) for k in ("generated", "random")})
    assert len(lines) == 2 and "difference" in lines[0]
    curves = (tmp_path / "curves.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "curves.jsonl").write_text("".join(curves[:-1]))  # as after a kill
    initialisation.initialisation_study(Setting(toy_space, toy_task, fabric), {**options, "resume": True})
    assert json.loads((tmp_path / "initialisation.json").read_text()) == found
    assert (tmp_path / "curves.jsonl").read_text().splitlines(keepends=True) == curves


def test_one_for_all_beside_one_for_each(
    toy_task: Any, toy_space: Any, fabric: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves = several_tasks.waves
    monkeypatch.setattr(several_tasks, "waves", lambda: waves(n=700, length=16))
    given = ["several.steps=1", "several.networks=2", "several.others=[]", "several.seeds=2", f"out={tmp_path}"]
    options = options_of("several_tasks", given)
    several_tasks.several_tasks_study(Setting(toy_space, toy_task, fabric), options)
    found = json.loads((tmp_path / "several_tasks.json").read_text())
    assert len(found) == 2 and all(len(values) == 2 for one in found.values() for values in one.values())
    assert all(0 <= value <= 1 for one in found.values() for values in one.values() for value in values)
