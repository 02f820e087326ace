"""Training as an estimator, and the job that trains references."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lightning_fabric import Fabric
from toy_models import CHAIN, CUT_OFF, EDGE

from ghn.errors import ArchitectureError, ConfigError, DataError, EstimatorError, TrainingError
from ghn.families.training.full import OnEpoch, TrainingEstimator
from ghn.scoring.score_files import score_to_file
from ghn.search.references import failures_path, train_references
from ghn.spaces import NASBench201
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import CURVES, Run
from ghn.tasks import ImageTask
from ghn.train.network import Recipe
from ghn.types import Estimator, Trial

RECIPE = Recipe(epochs=2, batch_size=16, shift=1)
POOLED = ("avg_pool_3x3", "none", "none", "skip_connect", "none", "nor_conv_1x1")
Make = Callable[..., TrainingEstimator]


class Watched(TrainingEstimator):
    """Keeps count, and is killed in the second epoch of the training `dies`."""

    trained: list[tuple[str, int]]
    dies: int | None = None

    def train(self, arch: Any, seed: int, on_epoch: OnEpoch | None = None) -> Run:
        self.trained = [*getattr(self, "trained", []), (arch, seed)]

        def watch(epoch: int, result: Any) -> None:
            if on_epoch:
                on_epoch(epoch, result)
            if epoch == 2 and len(self.trained) == self.dies:
                raise KeyboardInterrupt

        return super().train(arch, seed, watch)


@pytest.fixture
def make(toy_space: NASBench201, toy_task: ImageTask, fabric: Fabric) -> Make:
    def estimator(
        recipe: Recipe = RECIPE, task: ImageTask = toy_task, seed: int = 0, dies: int | None = None
    ) -> Watched:
        made = Watched(toy_space, task, recipe, fabric, seed=seed)
        made.dies = dies
        return made

    return estimator


@pytest.fixture(scope="module")
def strings(toy_space: NASBench201) -> list[str]:
    return [toy_space.format(cell) for cell in (EDGE, POOLED, CUT_OFF)]


def test_the_score_is_the_accuracy_after_the_last_epoch(make: Make, toy_space: NASBench201) -> None:
    estimator = make()
    assert isinstance(estimator, Estimator)
    score, text = estimator.score([Trial("a", POOLED), Trial("b", toy_space.format(POOLED))])
    curve = score.extra["curve"]
    assert score.value == text.value == curve["val_accuracy"][-1]
    assert set(curve) == {"epochs", *CURVES} and all(len(c) == RECIPE.epochs for c in curve.values())
    assert score.budget == RECIPE.epochs and score.cost_seconds > 0


def test_training_teaches_and_is_a_function_of_the_seed(make: Make) -> None:
    longer = replace(RECIPE, epochs=6, lr=0.05)
    run, again, other = (replace(make(longer).train(EDGE, seed), seconds=None) for seed in (3, 3, 4))
    assert run == again != replace(other, seed=3)
    # training images are flipped, which leaves two pairs of classes alike: guessing has 1.39 nats, the best 0.69
    assert run.train_loss[0] > 1.2 and run.train_loss[-1] < 1.0
    assert run.test_accuracy is not None and run.test_accuracy > 0.4 < run.val_accuracy[-1]
    assert run.params == make().train(CHAIN, 3).params  # live parameters are counted


def test_nothing_is_learnt_from_val_and_test(make: Make, make_toy_task: Callable[..., ImageTask]) -> None:
    usual, other = make().train(EDGE, 0), make(task=make_toy_task(val=8, test=9)).train(EDGE, 0)
    assert (usual.train_loss, usual.train_accuracy) == (other.train_loss, other.train_accuracy)
    assert usual.val_loss != other.val_loss


def test_what_cannot_be_trained_is_a_failed_score(make: Make) -> None:
    bad, good = make().score([Trial("a", "|fft~0|"), Trial("b", CUT_OFF)])
    assert not bad.ok and "malformed" in bad.error and good.ok
    burst = make(replace(RECIPE, lr=1e20)).score([Trial("a", POOLED)])[0]
    assert not burst.ok and "training loss" in burst.error and "learning rate" in burst.error


def test_references_are_taken_up_without_training_twice(make: Make, strings: list[str], tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    jobs = [(arch, 0) for arch in strings] + [(strings[0], 1)]
    killed, resumed, idle = make(dies=3), make(), make()
    with pytest.raises(KeyboardInterrupt):
        train_references(killed, jobs, path, progress=False)
    assert len(ReferenceTable.load(path, resume=True)) == 2
    with path.open("a") as file:
        file.write('{"arch": "torn')
    with pytest.warns(UserWarning, match="dropped"):
        table = train_references(resumed, jobs, path, progress=False)
    assert resumed.trained == jobs[2:]
    assert ReferenceTable.load(path) == table and [(r.arch, r.seed) for r in table.runs] == jobs
    once = replace(make().train(*jobs[2]), seconds=None)
    assert replace(table.runs[2], seconds=None) == once  # what was killed is as if it had not been
    assert train_references(idle, jobs, path, progress=False) == table and not hasattr(idle, "trained")


def test_the_same_training_asked_for_twice_is_done_once(make: Make, strings: list[str], tmp_path: Path) -> None:
    estimator = make(replace(RECIPE, epochs=1))
    table = train_references(
        estimator, [(strings[2], 0), (f" {strings[2]} ", 0)], tmp_path / "table.jsonl", progress=False
    )
    assert len(table) == len(estimator.trained) == 1


def test_a_malformed_string_is_found_before_anything_is_trained(make: Make, strings: list[str], tmp_path: Path) -> None:
    estimator = make()
    with pytest.raises(ArchitectureError, match="fft"):
        train_references(estimator, [(strings[0], 0), ("|fft~0|", 0)], tmp_path / "table.jsonl", progress=False)
    assert not hasattr(estimator, "trained") and not (tmp_path / "table.jsonl").exists()


def test_references_trained_otherwise_are_not_mixed(make: Make, strings: list[str], tmp_path: Path) -> None:
    jobs, path = [(strings[2], 0)], tmp_path / "table.jsonl"
    train_references(make(replace(RECIPE, epochs=1)), jobs, path, progress=False)
    with pytest.raises(DataError, match="recipe"):
        train_references(make(), jobs, path, progress=False)


def test_a_training_that_bursts_is_named(make: Make, strings: list[str], tmp_path: Path) -> None:
    with pytest.raises(TrainingError) as caught:
        train_references(make(replace(RECIPE, lr=1e20)), [(strings[1], 5)], tmp_path / "table.jsonl", progress=False)
    assert strings[1] in str(caught.value) and "seed 5" in str(caught.value)


def test_scores_of_trainings_survive_a_file(make: Make, tmp_path: Path) -> None:
    trials, estimator = [Trial("a", CUT_OFF)], make(replace(RECIPE, epochs=1))
    path = tmp_path / "scores.jsonl"
    first = score_to_file(estimator, trials, path, estimator.identity, progress=False)
    again = make(replace(RECIPE, epochs=1))
    assert score_to_file(again, trials, path, again.identity, progress=False) == first
    assert not hasattr(again, "trained")
    with pytest.raises(DataError, match="recipe"):
        score_to_file(make(), trials, path, make().identity, progress=False)


class Diverges(Watched):
    """Fails with one seed."""

    error: Exception = TrainingError("the loss is no longer finite")

    def train(self, arch: Any, seed: int, on_epoch: OnEpoch | None = None) -> Run:
        run = super().train(arch, seed, on_epoch)
        if seed == 1:
            raise self.error
        return run


@pytest.fixture
def diverging(make: Make) -> Diverges:
    whole = make(replace(RECIPE, epochs=1))
    return Diverges(whole.space, whole.task, whole.recipe, whole.fabric)


@pytest.mark.parametrize("error", [Diverges.error, ValueError("shapes do not fit")], ids=repr)
def test_a_network_that_fails_is_counted_and_does_not_hold_up_the_others(
    diverging: Diverges, strings: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    diverging.error = error
    path, jobs = tmp_path / "table.jsonl", [(strings[0], 1), (strings[1], 0)]
    table = train_references(diverging, jobs, path, progress=False)
    assert table.archs() == ReferenceTable.load(path).archs() == [strings[1]]
    said = capsys.readouterr().err
    assert "1 of 2 trainings failed" in said and f"{strings[0]}, seed 1" in said and str(error) in said
    _, row = map(json.loads, failures_path(path).read_text().splitlines())
    assert (row["arch"], row["seed"]) == (strings[0], 1) and str(error) in row["error"]
    train_references(diverging, [*jobs, (strings[2], 0)], path, progress=False)  # the failed one is left out
    assert diverging.trained == [(strings[0], 1), (strings[1], 0), (strings[2], 0)]
    assert "1 of 3 trainings failed" in capsys.readouterr().err
    failures_path(path).unlink()
    diverging.error = KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):  # tried again
        train_references(diverging, jobs, path, progress=False)


def test_trainings_that_fail_one_after_the_other_end_the_run_and_are_tried_again(
    diverging: Diverges, make: Make, strings: list[str], tmp_path: Path
) -> None:
    path, jobs = tmp_path / "table.jsonl", [(strings[1], 0), (strings[0], 1), (strings[2], 1)]
    with pytest.raises(EstimatorError, match=r"2 candidates in a row(.|\n)*seed 1(.|\n)*no longer finite"):
        train_references(diverging, jobs, path, progress=False, give_up_after=2)
    mended = make(replace(RECIPE, epochs=1))
    assert len(train_references(mended, jobs, path, progress=False)) == 3
    assert mended.trained == jobs[1:]  # type: ignore[attr-defined]


def test_a_lack_of_memory_ends_the_trainings_and_is_no_failure(
    diverging: Diverges, strings: list[str], tmp_path: Path
) -> None:
    diverging.error, path = MemoryError(), tmp_path / "table.jsonl"
    with pytest.raises(MemoryError):
        train_references(diverging, [(strings[1], 0), (strings[0], 1)], path, progress=False)
    assert not failures_path(path).exists()


def test_budgets_are_for_another_estimator(make: Make) -> None:
    with pytest.raises(ConfigError, match="LowFidelityEstimator"):
        make().score([Trial("a", CHAIN, budget=1)])
    assert make().score([Trial("a", CHAIN, budget=RECIPE.epochs)])[0].ok
