"""The morphism estimator: heirs of an ancestor or of another trial, trained a little, each lineage once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from toy_models import CHAIN, EDGE

from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.families.morphism.estimator import MorphismEstimator, Stage, from_text, largest, to_text
from ghn.families.morphism.network import WeightedNetwork
from ghn.families.morphism.shrink import Narrower
from ghn.search import Lemonade, Limit, run_search
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.train.network import NetworkTrainer, Recipe
from ghn.types import Network, Trial

RECIPE = Recipe(epochs=4, batch_size=20, shift=1)
FULL = ("nor_conv_3x3",) * 6
GROWN = (*CHAIN[:5], "nor_conv_1x1")
Make = Callable[..., MorphismEstimator]


@pytest.fixture
def make(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> Make:
    def estimator(recipe: Recipe = RECIPE, **options: Any) -> MorphismEstimator:
        return MorphismEstimator(toy_space, toy_task, recipe, fabric, **{"epochs": 1, "images": 32, **options})

    return estimator


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """The epoch and the peak learning rate of every epoch that is trained, in order."""
    seen: list[tuple[int, float]] = []
    run = NetworkTrainer.run_epoch

    def watched(self: NetworkTrainer) -> Any:
        result = run(self)
        seen.append((self.epoch, self.recipe.lr))
        return result

    monkeypatch.setattr(NetworkTrainer, "run_epoch", watched)
    return seen


def test_an_heir_begins_where_its_parent_ended(make: Make, toy_task: ImageTask, fabric: Fabric) -> None:
    estimator = make(lr=1e-9)  # it stays where it begins
    parent, child = estimator.score([Trial("p", EDGE), Trial("c", (*EDGE[:5], "nor_conv_1x1"), resume="p")])
    assert parent.extra["lineage"] == [] and len(parent.extra["curve"]["epochs"]) == 4 == parent.budget
    assert child.extra["lineage"] == ["|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"] and child.budget == 1
    grown, old = estimator.network("c"), estimator.network("p")
    assert all((grown.weights[name] - weight).abs().max() < 1e-6 for name, weight in old.weights.items())
    assert child.extra["curve"]["train_loss"][0] < 1.1 * parent.extra["curve"]["train_loss"][-1]
    assert child.extra["shared_macs"] == parent.extra["macs"]


def test_without_a_parent_it_inherits_from_the_ancestor(make: Make, trained: list[Any], toy_space: NASBench201) -> None:
    estimator = make(ancestor=toy_space.format(FULL), lr=0.25)
    scores = estimator.score([Trial("a", CHAIN), Trial("b", EDGE, budget=2)])
    peak = RECIPE.lr
    assert trained == [(1, peak), (2, peak), (3, peak), (4, peak), (1, peak / 4), (1, peak / 4), (2, peak / 4)]
    assert [s.budget for s in scores] == [1, 2]
    assert {tuple(s.extra["lineage"]) for s in scores} == {(toy_space.format(FULL),)}
    assert scores[0].extra["shared_seconds"] == scores[1].extra["shared_seconds"] > scores[0].cost_seconds > 0
    assert scores[0].extra["macs"] > 0 and scores[0].extra["shared_macs"] > 4 * scores[0].extra["macs"]


def test_inheriting_is_worth_epochs(make: Make) -> None:
    heirs = make(ancestor=FULL, lr=0.5).score([Trial("a", CHAIN), Trial("b", GROWN)])
    scratch = make(Recipe(epochs=1, batch_size=20, shift=1)).score([Trial("a", CHAIN), Trial("b", GROWN)])
    for heir, random in zip(heirs, scratch, strict=True):
        assert heir.extra["curve"]["val_loss"][0] < random.extra["curve"]["val_loss"][0]


def test_least_squares_are_where_heirs_begin(make: Make) -> None:
    losses = [
        make(ancestor=FULL, lr=1e-9, images=images).score([Trial("a", CHAIN)])[0].extra["curve"]["train_loss"][0]
        for images in (0, 64)
    ]
    assert losses[1] < losses[0]


def test_its_own_architecture_is_trained_on(make: Make, trained: list[Any]) -> None:
    estimator = make(ancestor=FULL)
    first, second, third = estimator.score(
        [Trial("a", CHAIN, 1), Trial("b", CHAIN, 3, "a"), Trial("c", CHAIN, None, "b")]
    )
    assert [s.budget for s in (first, second, third)] == [1, 3, 4]
    assert [epoch for epoch, _ in trained[4:]] == [1, 1, 2, 1]
    (worse,) = estimator.score([Trial("d", CHAIN, 2, "b")])
    assert not worse.ok and "must go further" in str(worse.error)


def test_every_lineage_is_trained_once_and_kept(make: Make, trained: list[Any], tmp_path: Path) -> None:
    trials = [Trial("a", CHAIN), Trial("b", EDGE, resume="a"), Trial("c", EDGE), Trial("d", CHAIN, resume="b")]
    first = make(ancestor=FULL, folder=tmp_path).score(trials)
    count = len(trained)
    assert count == 4 + 4 and len({s.value for s in first}) > 1
    again = make(ancestor=FULL, folder=tmp_path).score([*trials, Trial("e", EDGE, resume="d")])
    assert again[:4] == first and len(trained) == count + 1 and again[4].ok
    with pytest.raises(DataError, match="other settings: ancestor differ"):
        make(folder=tmp_path)


def test_killed_in_an_ancestor_it_goes_on(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = make(ancestor=FULL, epochs=2).score([Trial("a", CHAIN)])[0]
    run, done = NetworkTrainer.run_epoch, []

    def killed(self: NetworkTrainer) -> Any:
        if len(done) in (2, 5):
            done.append("kill")
            raise KeyboardInterrupt
        done.append(self.epoch)
        return run(self)

    monkeypatch.setattr(NetworkTrainer, "run_epoch", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            make(ancestor=FULL, epochs=2, folder=tmp_path).score([Trial("a", CHAIN)])
    score = make(ancestor=FULL, epochs=2, folder=tmp_path).score([Trial("a", CHAIN)])[0]
    assert done == [0, 1, "kill", 2, 3, "kill", 0, 1]
    assert score.value == whole.value and score.extra["curve"] == whole.extra["curve"]


def test_what_cannot_be_inherited_is_a_failure(make: Make, toy_space: NASBench201, tmp_path: Path) -> None:
    estimator = make(folder=tmp_path)
    good, lost = estimator.score([Trial("a", CHAIN), Trial("b", EDGE, resume="z")])
    assert good.ok and not lost.ok and "no trial of this id" in str(lost.error)
    hot = make(Recipe(epochs=2, batch_size=20, lr=1e18), ancestor=FULL)
    first, second = hot.score([Trial("a", CHAIN), Trial("b", EDGE)])
    assert not first.ok and not second.ok and "inherits from a network whose training failed" in str(second.error)
    for content in ("{}", json.dumps({"arch": "nonsense", "rungs": []}), json.dumps({"arch": "[]", "rungs": []})):
        next((tmp_path / "trials").glob("*.json")).write_text(content)
        (broken,) = make(folder=tmp_path).score([Trial("c", EDGE, resume="a")])
        assert not broken.ok and ("not a trial" in str(broken.error) or "lineage" in str(broken.error))
    with pytest.raises(ArchitectureError):
        make(ancestor="nobody")
    with pytest.raises(ConfigError, match="number of epochs"):
        estimator.score([Trial("a", CHAIN, 0.5)])


@pytest.mark.parametrize("wrong", [{"epochs": 0}, {"lr": 0.0}, {"images": -1}])
def test_settings_that_are_none(make: Make, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="heir"):
        make(**wrong)


def test_lineages_round_trip_and_damage_is_found() -> None:
    lineage = (Stage("a", 4, 4), Stage("b", 1, 1), Stage("b", 2, 3))
    assert from_text(to_text(lineage)) == lineage
    for text in ("[]", "nonsense", '[["a"]]', '[["a", 0, 0]]', '[["a", 3, 2]]', "[1]"):
        with pytest.raises(DataError, match="lineage"):
            from_text(text)


def test_the_largest_network_is_found(toy_space: NASBench201) -> None:
    assert all(largest(toy_space, seed) == FULL for seed in range(3))


def test_lemonade_hands_weights_from_parents_to_children(make: Make, tmp_path: Path) -> None:
    estimator = make(ancestor=FULL, folder=tmp_path / "heirs")
    searcher = Lemonade(estimator.space, 0, founders=3, proposals=4, children=2)
    found = run_search(searcher, estimator, limit=Limit(trials=7), folder=tmp_path, progress=False)
    assert found.failures == 0 and found.epochs == 7
    scores = {t.id: s for t, s in found.history}
    for trial, score in found.history[3:]:
        parent = next(t for t, _ in found.history if t.id == trial.resume)
        line = [*scores[trial.resume].extra["lineage"], estimator.space.format(parent.arch)]  # type: ignore[index]
        assert score.extra["lineage"] == line


def test_an_approximate_morphism_recovers_when_it_is_trained(
    make: Make, toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric
) -> None:
    """Half of the channels of a block go: validation loss before and after two epochs, with least squares or not."""
    estimator = make(Recipe(epochs=8, batch_size=20, shift=1))
    estimator.score([Trial("p", FULL)])
    parent, images = estimator.network("p"), toy_task.train.batch(slice(0, 64))[0]

    def losses(network: WeightedNetwork) -> list[float]:
        trainer = NetworkTrainer(
            Network.of(network.graph), toy_task, Recipe(epochs=2, batch_size=20, lr=0.02, shift=1), 0, fabric
        )
        trainer.start_from(network.weights, network.stats)
        before = trainer.evaluate(toy_task.val)[0]
        return [before, *(trainer.run_epoch().val_loss for _ in range(2))]

    place = "reduce1/b/conv"
    sliced, solved = (losses(Narrower(images=i).apply(parent, place, torch.Generator())) for i in (None, images))
    own = losses(parent)[0]
    assert own < solved[0] < sliced[0]  # before training
    assert solved[2] < sliced[0] and sliced[2] < sliced[0]  # after it
