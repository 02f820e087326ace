"""The loop around any step: what is saved when, and how steps that go wrong are told of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ghn.errors import ConfigError, TrainingError
from ghn.train.checkpoint import load_tensors
from ghn.train.loop import DRAWN, STATE, Loop, LoopConfig, Update, read_lines

CONFIG = LoopConfig(steps=4, save_every=10, log_every=1, check_every=4)


class Counting:
    """A step that adds one to two numbers, one after the other; `between` happens amidst."""

    def __init__(self, between: Callable[[int], None] = lambda number: None) -> None:
        self.model: nn.Module = nn.ParameterDict({"a": torch.zeros(1), "b": torch.zeros(1)})
        self.averaged, self.optimizers, self.identity = ["a"], {}, {"step": "counting"}
        self.between = between

    def __call__(self, number: int) -> Update:
        def apply() -> Tensor:
            with torch.no_grad():
                self.model["a"] += 1
                self.between(number)
                self.model["b"] += 1
            return self.model["b"].detach().clone()

        return Update(apply, drawn=[(number, 0)])

    def measures(self, number: int) -> dict[str, float | None]:
        return {"steps": float(number)}


def saved(folder: Path) -> tuple[int, float, float]:
    tensors, header = load_tensors(folder / STATE, "training state")
    return header["card"]["step"], float(tensors["model/a"]), float(tensors["model/b"])


def test_a_run_logs_and_saves(tmp_path: Path, fabric: Fabric) -> None:
    averaged = Loop(Counting(), CONFIG, fabric, tmp_path).run(progress=False)
    assert saved(tmp_path) == (4, 4, 4)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"], line["steps"]) for line in lines] == [(k, k, k) for k in (1, 2, 3, 4)]
    assert read_lines(tmp_path / DRAWN) == [{"step": k + 1, "options": [[k, 0]]} for k in range(4)]
    assert 0 < float(averaged["a"]) < 4 == float(averaged["b"])  # b is not averaged


@pytest.mark.parametrize("error", [KeyboardInterrupt, TrainingError])
def test_what_dies_amidst_its_changes_is_not_saved(tmp_path: Path, fabric: Fabric, error: type[BaseException]) -> None:
    """Nothing that the step does, or forgets, has a part in it."""

    def die(number: int) -> None:
        if number == 2:
            raise error("no longer finite")

    config = LoopConfig(steps=4, save_every=1, log_every=1, check_every=4)
    with pytest.raises(error):
        Loop(Counting(die), config, fabric, tmp_path).run(progress=False)
    assert saved(tmp_path) == (2, 2, 2)
    Loop(Counting(), config, fabric, tmp_path, resume=True).run(progress=False)
    assert saved(tmp_path) == (4, 4, 4)
    assert [line["step"] for line in read_lines(tmp_path / DRAWN)] == [1, 2, 3, 4]


def test_a_failing_step_says_where_the_last_good_state_is(tmp_path: Path, fabric: Fabric) -> None:
    class Failing(Counting):
        def __call__(self, number: int) -> Update:
            if number == 3:
                raise TrainingError("the loss is no longer finite", got="nan")
            return super().__call__(number)

    with pytest.raises(TrainingError, match=r"finite\n +got: +nan\n +to do: +the last good(?s:.*)lower") as error:
        Loop(Failing(), CONFIG, fabric, tmp_path).run(progress=False)
    assert str(tmp_path / STATE) in str(error.value) and saved(tmp_path) == (3, 3, 3)


@pytest.mark.parametrize(("name", "value"), [("steps", 0), ("save_every", 1.5), ("average", 1.0)])
def test_impossible_settings_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"trainer: {name} must"):
        LoopConfig(**{name: value})  # type: ignore[arg-type]
