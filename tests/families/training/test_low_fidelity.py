"""Low fidelity: four knobs, rungs that go on bitwise, and results that are kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import CHAIN, EDGE

from ghn.errors import ConfigError, DataError, WriteError
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.checkpoint import load_tensors
from ghn.train.network import NetworkTrainer, Recipe
from ghn.train.rungs import STATE, Fidelity, Rungs, RungStore
from ghn.types import Trial

RECIPE = Recipe(epochs=6, batch_size=20, shift=1)
Make = Callable[..., LowFidelityEstimator]


@pytest.fixture
def make(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> Make:
    def estimator(recipe: Recipe = RECIPE, task: ImageTask = toy_task, **options: Any) -> LowFidelityEstimator:
        return LowFidelityEstimator(toy_space, task, recipe, fabric, **options)

    return estimator


@pytest.fixture
def epochs_run(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every epoch that is trained, in order."""
    seen: list[int] = []
    run = NetworkTrainer.run_epoch

    def watched(self: NetworkTrainer) -> Any:
        result = run(self)
        seen.append(self.epoch)
        return result

    monkeypatch.setattr(NetworkTrainer, "run_epoch", watched)
    return seen


def states(folder: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {path.name: load_tensors(path, STATE)[0] for path in folder.glob("*.safetensors")}


def kill_after_three(estimator: LowFidelityEstimator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training of six epochs that is killed when three are done."""
    run = NetworkTrainer.run_epoch

    def killed(self: NetworkTrainer) -> Any:
        if self.epoch == 3:
            raise KeyboardInterrupt
        return run(self)

    with monkeypatch.context() as patch:
        patch.setattr(NetworkTrainer, "run_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            estimator.score([Trial("x", CHAIN)])


def test_rungs_go_on_bitwise_as_if_never_stopped(make: Make, tmp_path: Path, epochs_run: list[int]) -> None:
    climbing, straight = make(folder=tmp_path / "a"), make(folder=tmp_path / "b")
    first = climbing.score([Trial("r0", CHAIN, budget=1)])[0]
    second = climbing.score([Trial("r1", CHAIN, budget=3, resume="r0")])[0]
    third = climbing.score([Trial("r2", CHAIN, budget=6, resume="r1")])[0]
    assert epochs_run == [1, 2, 3, 4, 5, 6]
    whole = straight.score([Trial("x", CHAIN)])[0]
    assert third.extra["curve"] == whole.extra["curve"] and third.value == whole.value
    assert first.extra["curve"]["val_accuracy"] == whole.extra["curve"]["val_accuracy"][:1]
    assert [first.budget, second.budget, third.budget] == [1, 3, 6]
    assert first.extra["macs"] + second.extra["macs"] + third.extra["macs"] == whole.extra["macs"] > 0
    end, other = states(tmp_path / "a"), states(tmp_path / "b")
    (last,) = other
    assert len(end) == 3 and all(torch.equal(end[last][k], v) for k, v in other[last].items())


def test_nothing_is_trained_twice(make: Make, tmp_path: Path, epochs_run: list[int]) -> None:
    trials = [Trial("a", CHAIN, budget=2), Trial("b", CHAIN, budget=2), Trial("c", CHAIN, budget=3)]
    first = make(folder=tmp_path).score(trials)
    again = make(folder=tmp_path).score(trials)
    assert epochs_run == [1, 2, 3]
    assert again == first and first[0].value == first[1].value
    assert first[2].cost_seconds > first[1].cost_seconds > 0  # nothing was resumed: the whole training counts


def test_killed_in_the_middle_it_goes_on_from_the_last_epoch(
    make: Make, tmp_path: Path, epochs_run: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = make().score([Trial("x", CHAIN)])[0]
    kill_after_three(make(folder=tmp_path), monkeypatch)
    epochs_run.clear()
    resumed = make(folder=tmp_path).score([Trial("x", CHAIN)])[0]
    assert epochs_run == [4, 5, 6] and resumed.extra["curve"] == whole.extra["curve"]
    assert len(states(tmp_path)) == 1, "what only guarded against the kill is gone"


@pytest.mark.parametrize("last", [2, 6])
def test_killed_before_a_guard_is_deleted(
    make: Make, tmp_path: Path, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget = RungStore.forget_guard

    def killed(self: RungStore, arch: str, rungs: Rungs, done: int) -> None:
        if done == last:
            raise KeyboardInterrupt
        forget(self, arch, rungs, done)

    with monkeypatch.context() as patch:
        patch.setattr(RungStore, "forget_guard", killed)
        with pytest.raises(KeyboardInterrupt):
            make(folder=tmp_path).score([Trial("x", CHAIN)])
    assert len(states(tmp_path)) == 2
    make(folder=tmp_path).score([Trial("x", CHAIN)])
    assert len(states(tmp_path)) == 1


def test_a_guard_that_is_asked_for_stays(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_after_three(make(folder=tmp_path), monkeypatch)
    (three,) = states(tmp_path)
    make(folder=tmp_path).score([Trial("y", CHAIN, budget=3)])
    make(folder=tmp_path).score([Trial("x", CHAIN)])
    assert three in states(tmp_path) and len(states(tmp_path)) == 2


def test_each_knob_costs_less_and_trains_something_else(make: Make) -> None:
    whole = make().score([Trial("x", CHAIN)])[0]
    macs = {}
    for name, knob in {"epochs": 3, "data": 0.5, "size": 4, "width": 2}.items():
        score = make(fidelity=Fidelity(**{name: knob})).score([Trial("x", CHAIN)])[0]
        assert score.ok and score.extra["curve"]["train_loss"] != whole.extra["curve"]["train_loss"][: len(score.extra)]
        macs[name] = score.extra["macs"] / whole.extra["macs"]
    together = make(fidelity=Fidelity(3, 0.5, 4, 2)).score([Trial("x", CHAIN)])[0]
    # 80 images of training, three passes, and 40 of validation, one pass, an epoch
    assert macs["epochs"] == 0.5 and macs["data"] == pytest.approx((3 * 40 + 40) / (3 * 80 + 40))
    assert macs["size"] == pytest.approx(0.25, rel=0.01) and 0.2 < macs["width"] < 0.6
    assert together.extra["macs"] / whole.extra["macs"] < 0.5 * macs["data"] * macs["width"]


def test_budgets_that_change_more_than_epochs(make: Make, epochs_run: list[int]) -> None:
    rungs = {1: Fidelity(2, data=0.5, size=4), 2: Fidelity(4), 3: Fidelity(6, width=2)}
    estimator = make(rungs=rungs)
    estimator.score([Trial("a", CHAIN, 1)])
    second = estimator.score([Trial("b", CHAIN, 2, resume="a")])[0]
    assert epochs_run == [1, 2, 3, 4] and second.budget == 4 and "restarted" not in second.extra
    third = estimator.score([Trial("c", CHAIN, 3, resume="b")])[0]
    assert epochs_run[4:] == [1, 2, 3, 4, 5, 6] and "width changed from full to 2" in third.extra["restarted"]
    with pytest.raises(ConfigError, match=r"no rung has this budget(.|\n)*\[1, 2, 3\]"):
        estimator.score([Trial("d", CHAIN, 5)])


def test_annealed_trainings_start_anew(make: Make, epochs_run: list[int]) -> None:
    estimator = make(fidelity=Fidelity(anneal=True))
    estimator.score([Trial("a", CHAIN, 2)])
    score = estimator.score([Trial("b", CHAIN, 4, resume="a")])[0]
    assert epochs_run == [1, 2, 1, 2, 3, 4] and "started anew" in score.extra["restarted"]


@pytest.mark.parametrize("budget", [0, 0.5, -1, 7])
def test_budgets_that_buy_nothing(make: Make, budget: float, epochs_run: list[int]) -> None:
    with pytest.raises(ConfigError, match=r"number of epochs(.|\n)*1, the cheapest, to 6"):
        make().score([Trial("a", CHAIN, 1), Trial("b", EDGE, budget)])
    assert epochs_run == []


def test_resuming_what_is_not_there_or_back_is_a_failure(make: Make) -> None:
    estimator = make()
    scores = estimator.score(
        [Trial("a", CHAIN, 3), Trial("b", CHAIN, 4, "z"), Trial("c", EDGE, 4, "a"), Trial("d", CHAIN, 2, "a")]
    )
    assert [s.ok for s in scores] == [True, False, False, False]
    for score, reason in zip(
        scores[1:], ("no trial of this id", "another architecture", "must go further"), strict=True
    ):
        assert reason in str(score.error)


def test_a_diverging_candidate_fails_once(make: Make, tmp_path: Path) -> None:
    hot = Recipe(epochs=3, batch_size=20, lr=1e18)
    first, again = (make(hot, folder=tmp_path).score([Trial("a", CHAIN)])[0] for _ in range(2))
    assert not first.ok and "training loss" in str(first.error)
    assert (again.error, again.cost_seconds) == (first.error, first.cost_seconds)


def test_folder_of_other_trainings_is_refused(make: Make, tmp_path: Path) -> None:
    make(folder=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    make(folder=tmp_path).score([Trial("z", EDGE, 1)])
    with pytest.raises(DataError, match="other settings: seed differ"):
        make(folder=tmp_path, seed=1)
    for path in tmp_path.glob("*.json"):
        if path.name != "identity.json":
            path.unlink()
    result = {"curve": {"val_accuracy": [0.1, "x"]}}
    make(folder=tmp_path).score([Trial("a", CHAIN, 1)])
    (path,) = (p for p in tmp_path.glob("*.json") if p.name != "identity.json")
    for content in ("{", "[]", json.dumps(result), json.dumps({"curves": 1})):
        path.write_text(content)
        score = make(folder=tmp_path).score([Trial("a", CHAIN, 1)])[0]
        assert not score.ok and path.name in str(score.error)


@pytest.mark.parametrize(
    ("fidelity", "reason"),
    [
        ({"epochs": 7}, "more epochs than the recipe has"),
        ({"size": 9}, "only made smaller"),
        ({"data": 0.0}, "data must be a number above 0"),
        ({"data": 1.1}, "data must be a number above 0"),
        ({"width": 0}, "width must be a whole number"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
    ],
)
def test_fidelities_that_are_none(make: Make, fidelity: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        make(fidelity=Fidelity(**fidelity))


def test_a_full_disk_is_no_failure_of_a_candidate(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise WriteError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(RungStore, "save", full)
        with pytest.raises(WriteError):
            make(folder=tmp_path).score([Trial("x", CHAIN)])
    assert make(folder=tmp_path).score([Trial("x", CHAIN)])[0].ok
