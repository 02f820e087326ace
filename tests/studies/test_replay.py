"""What a training ran, told afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from lightning_fabric import Fabric
from shared_cases import METHODS, SPACES, TRAINER, Killed, die, make_run

from ghn.errors import CheckpointError, ConfigError, DataError
from ghn.families.sharing.train import train_shared
from ghn.train.loop import DRAWN, Loop, read_lines
from ghn.train.meta import MetaStep
from studies.replay import live_options, nothing, replay


@pytest.mark.parametrize(("name", "space"), [("oneshot", "nasbench201"), ("enas", "darts"), ("dropout", "nasbench201")])
def test_the_steps_are_those_that_were_trained(
    name: str, space: str, fabric: Fabric, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, ran = SPACES[space], []
    original = MetaStep.update

    def listening(self: Any, number: int, archs: Any) -> Any:
        ran.extend(archs)
        return original(self, number, archs)

    monkeypatch.setattr(MetaStep, "update", listening)
    how = {"check": 0, "progress": False}
    model = train_shared(METHODS[name], own, toy.make_task(), TRAINER, fabric, tmp_path, **how)  # type: ignore[arg-type]
    trained = replay(tmp_path, model.method, model.card, own)
    assert trained.shape == (8, len(own.choices()), len(own.choices()[0].options)) and len(ran) == 8
    for row, drawn in zip(trained, ran, strict=True):
        if name == "dropout":
            kept = [{*options, none} for options, none in zip(drawn, nothing(own), strict=True)]
        else:
            kept = [{option} for option in live_options(own, drawn)]
        assert [set(np.flatnonzero(options)) for options in row] == kept


def test_a_dead_edge_counts_as_none() -> None:
    convs = ["nor_conv_3x3"] * 6
    assert live_options(toy.SPACE, tuple(convs)) == (3,) * 6
    dead_end = ("nor_conv_3x3", *convs[:3], "none", "none")  # nodes 1 and 2 do not reach the output
    assert live_options(toy.SPACE, dead_end) == (0, 0, 0, 3, 0, 0)
    arch = SPACES["darts"].sample(Random(0))
    assert live_options(SPACES["darts"], arch) == SPACES["darts"].to_choices(arch)


def test_what_enas_drew_survives_a_kill(fabric: Fabric, tmp_path: Path) -> None:
    def trainer(folder: Path, *, resume: bool = False) -> Loop:
        return make_run("enas", folder, fabric, resume=resume)

    trainer(tmp_path / "straight").run(progress=False)
    lines = read_lines(tmp_path / "straight" / DRAWN)
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    for where in ("before", "amidst"):
        killed = trainer(tmp_path / where)
        die(killed, where, step=3)
        with pytest.raises(Killed):
            killed.run(progress=False)
        trainer(tmp_path / where, resume=True).run(progress=False)
        assert read_lines(tmp_path / where / DRAWN) == lines


CARD = {"step": 2, "trainer": {"architectures": 2, "steps": 2, "sampling": "uniform"}, "weights": {"method": "oneshot"}}


def test_what_cannot_be_told(tmp_path: Path) -> None:
    def told(method: str, **change: Any) -> Any:
        return replay(tmp_path, method, {**CARD, **change}, toy.SPACE)

    assert told("ghn").shape == told("oneshot").shape == told("smash").shape == (4, 6, 5)
    with pytest.raises(ConfigError, match="every operation at every step"):
        told("darts")
    for change in ({"trainer": {"stepz": 2}}, {"step": None}, {"weights": {"method": "oneshot", "paths": "all"}}):
        with pytest.raises(CheckpointError, match="does not say how it was trained"):
            told("oneshot", **change)
    with pytest.raises(DataError, match=r"no drawn.jsonl(?s:.*)train it with this version"):
        told("enas")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "not what a run writes"),
        (["nonsense"], "not what a run writes"),
        ([{"step": 1}], "does not hold what each step drew"),
        ([{"step": 1, "options": [[0] * 6] * 2}], r"1 steps(?s:.*)2 steps"),
        ([{"step": s, "options": [[0] * 6] * 3} for s in (1, 2)], "2 architectures of each"),
        ([{"step": s, "options": [[0] * 6, [5] * 6]} for s in (1, 2)], "no choice of this space"),
        ([{"step": s, "options": [[0] * 6, "abcdef"]} for s in (1, 2)], "no choice of this space"),
    ],
)
def test_a_damaged_list_of_what_was_drawn_is_refused(lines: list[Any], message: str, tmp_path: Path) -> None:
    (tmp_path / DRAWN).write_text("".join(json.dumps(line) + "\n" for line in lines))
    with pytest.raises(DataError, match=message):
        replay(tmp_path, "enas", CARD, toy.SPACE)
