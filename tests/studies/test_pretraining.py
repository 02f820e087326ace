"""What a start from another space is worth, small, from options to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import toy
from lightning_fabric import Fabric
from toy_models import save_toy

from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.scoring.load import load
from ghn.spaces import DARTS, NASBenchMacro
from ghn.train.meta import MetaConfig
from studies import pretraining
from studies.pretraining import SeveralSpaces, pretraining_study
from studies.run import options_of

OTHER = NASBenchMacro(toy.SPACE.input_shape, toy.SPACE.classes, width=2)


def test_each_start_is_trained_and_judged_and_a_second_run_trains_nothing(
    tmp_path: Path, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = toy.make_task()
    monkeypatch.setattr(pretraining, "make_task", lambda **_: task)
    monkeypatch.setattr(pretraining, "task_space", lambda *_: OTHER)
    archs = [toy.SPACE.format(arch) for arch in toy.SPACE.distinct()[:24]]
    rows = [f"{arch},{i / 30}" for i, arch in enumerate(archs)]
    (tmp_path / "table.csv").write_text("\n".join(["arch,test_accuracy", *rows]))
    save_toy(start := tmp_path / "known" / "other.safetensors", toy.SPACE, task, fabric)
    small = ["net.hidden=16", "net.layers=1", "net.heads=2", "net.channels=8", "net.decoder_hidden=8"]
    steps = ["several_steps=2", "several=[macro]", "trainer.steps=4", "trainer.check_every=2", "trainer.warmup=1"]
    more = ["trainer.images=8", "trainer.architectures=2", f"table={tmp_path}/table.csv", "n=24"]
    given = [f"pretraining.{one}" for one in [*small, *steps, *more, f"starts=[nothing,several,{start}]"]]
    options = options_of("pretraining", [*given, f"out={tmp_path}/out", "progress=false"])
    setting = Setting(toy.SPACE, task, fabric, [])
    pretraining_study(setting, options)
    found = json.loads((tmp_path / "out" / "pretraining.json").read_text())
    assert found["n"] == 24 and list(found["rows"]) == ["nothing", "several", str(start)]
    assert all([point["step"] for point in points] == [2, 4] for points in found["rows"].values())
    assert all(-1 <= point["alone"]["kendall"] <= 1 for points in found["rows"].values() for point in points)
    card = load(tmp_path / "out" / "from_several" / "checkpoint.safetensors", fabric=fabric, space=toy.SPACE).card
    assert card["started_from"]["space"]["name"] == "macro"
    monkeypatch.setattr("ghn.train.meta.MetaStep.__call__", None)
    pretraining_study(setting, {**options, "resume": True})
    assert json.loads((tmp_path / "out" / "pretraining.json").read_text())["rows"] == found["rows"]
    with pytest.raises(ConfigError, match="nothing to start from"):
        pretraining_study(setting, {**options, "resume": True, "pretraining": {**options["pretraining"], "starts": []}})
    alone = {**options["pretraining"], "several": ["nasbench201"]}
    with pytest.raises(ConfigError, match="no other space to train on"):
        pretraining_study(setting, {**options, "resume": True, "pretraining": alone})
    (tmp_path / "few.csv").write_text("\n".join(["arch,test_accuracy", *rows[:19]]))
    few = {**options["pretraining"], "table": str(tmp_path / "few.csv")}
    with pytest.raises(ConfigError, match="too few networks of known accuracy"):
        pretraining_study(setting, {**options, "resume": True, "pretraining": few})


def test_a_step_on_several_spaces_has_networks_of_each_in_each_variant() -> None:
    spaces = [DARTS((3, 8, 8), 4, width=2, depth=3), OTHER]
    draw = SeveralSpaces(spaces, MetaConfig(seed=1))
    drawn = [one for step in range(12) for one in draw(step, 4)]
    assert {number for number, _, _ in drawn} == {0, 1}
    assert {variant for number, variant, _ in drawn if number == 1} == {0, 1}  # two widths
    assert drawn == [one for step in range(12) for one in draw(step, 4)] and len(set(map(str, drawn))) > 40
    for number, variant, arch in drawn[:6]:
        assert draw.format((number, variant, arch)) == f"{spaces[number].name}: {spaces[number].format(arch)}"
        assert draw.network(spaces[0], (number, variant, arch)).graph.params()
