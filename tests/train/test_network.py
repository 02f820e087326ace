from dataclasses import replace

import pytest
import torch

from ghn.errors import ConfigError, TrainingError
from ghn.graph import simplify
from ghn.tasks import ImageTask
from ghn.train.checkpoint import load_tensors, save_tensors
from ghn.train.network import NetworkTrainer, Recipe
from ghn.types import Network

ARCH = ("nor_conv_3x3", "skip_connect", "none", "avg_pool_3x3", "nor_conv_1x1", "none")
RECIPE = Recipe(epochs=4, batch_size=16, lr=0.05)


@pytest.fixture
def make(toy_space, toy_task, fabric):
    graph = simplify(toy_space.network(ARCH).graph)

    def trainer(seed=0, recipe=RECIPE, task=toy_task):
        return NetworkTrainer(Network.of(graph), task, recipe, seed, fabric)

    return trainer


def equal(a, b):
    (a, b) = (t.state_dict() for t in (a, b))
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_training_learns(make):
    trainer = make(recipe=replace(RECIPE, epochs=8))
    results = [trainer.run_epoch() for _ in range(8)]
    assert trainer.epoch == 8
    assert results[-1].train_loss < 0.7 * results[0].train_loss
    assert results[-1].val_accuracy > 0.6  # of four classes
    assert all(0 <= r.val_accuracy <= 1 and 0 <= r.train_accuracy <= 1 for r in results)


def test_the_seed_decides_everything(make):
    first, again, other = make(0), make(0), make(1)
    torch.manual_seed(5)
    a = [first.run_epoch() for _ in range(2)]
    torch.manual_seed(6)
    b = [again.run_epoch() for _ in range(2)]
    assert a == b
    assert equal(first, again)
    assert other.run_epoch() != a[0]


@pytest.mark.parametrize("done", [0, 1, 3])
def test_resuming_is_exact(make, tmp_path, done):
    straight = make()
    results = [straight.run_epoch() for _ in range(4)]
    first = make()
    for _ in range(done):
        first.run_epoch()
    save_tensors(tmp_path / "state", "network", first.state_dict(), {})
    resumed = make(seed=9)
    resumed.run_epoch()  # used before: nothing of it may remain
    resumed.load_state_dict(load_tensors(tmp_path / "state", "network")[0])
    assert resumed.epoch == done
    assert [resumed.run_epoch() for _ in range(4 - done)] == results[done:]
    assert equal(resumed, straight)


def test_the_rate_follows_one_cosine_to_zero(make):
    trainer, rates = make(), []
    step = trainer.optimizer.step
    trainer.optimizer.step = lambda: rates.append(trainer.optimizer.param_groups[0]["lr"]) or step()
    for _ in range(4):
        trainer.run_epoch()
    assert len(rates) == 4 * (80 // 16)
    assert rates[0] == 0.05 and rates[10] == pytest.approx(0.025)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.001


def test_every_image_is_seen_once_an_epoch(make, monkeypatch):
    trainer, seen = make(), []
    kind, batch = type(trainer.task.train), type(trainer.task.train).batch

    def watched(split, index):
        if not isinstance(index, slice):  # evaluation takes slices
            seen.append(index)
        return batch(split, index)

    monkeypatch.setattr(kind, "batch", watched)
    for _ in range(2):
        trainer.run_epoch()
    epochs = torch.cat(seen).split(80)
    assert all(sorted(e.tolist()) == list(range(80)) for e in epochs)
    assert not torch.equal(*epochs)


def test_evaluation_uses_running_statistics_and_changes_nothing(make, toy_task):
    trainer = make()
    trainer.run_epoch()
    before = {k: v.clone() for k, v in trainer.state_dict().items()}
    whole, small = trainer.evaluate(toy_task.test), trainer.evaluate(toy_task.test, batch_size=7)
    assert whole == pytest.approx(small, rel=1e-5)  # batch statistics would differ
    assert all(torch.equal(v, before[k]) for k, v in trainer.state_dict().items())


def test_validation_images_are_not_learned_from(make, make_toy_task):
    plain, other = make(), make(task=make_toy_task(val=7, test=8))
    a, b = plain.run_epoch(), other.run_epoch()
    assert (a.train_loss, a.train_accuracy) == (b.train_loss, b.train_accuracy)
    assert a.val_loss != b.val_loss
    assert equal(plain, other)


def test_a_loss_that_is_nan_stops(make):
    trainer = make(recipe=replace(RECIPE, lr=1e20))
    message = r"training loss is (nan|inf) in epoch 1(?s:.*)lower the learning rate"
    with pytest.raises(TrainingError, match=message):
        trainer.run_epoch()
    assert trainer.epoch == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "recipe: epochs must be a whole number"),
        ({"batch_size": 0}, "recipe: batch_size must"),
        ({"lr": 0.0}, r"lr must be a number above 0\n +got: +0\.0"),
        (
            {"momentum": 0.0},
            r"momentum must be a number above 0 and below 1\n +got: +0\.0",
        ),  # Nesterov's has some
        ({"shift": -1}, r"shift must be a whole number of at least 0\n +got: +-1"),
    ],
)
def test_recipes_that_cannot_train_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Recipe(**settings)


def test_a_batch_larger_than_the_split_takes_all_of_it(make):
    result = make(recipe=replace(RECIPE, batch_size=1000)).run_epoch()
    assert result.train_loss < 10


class Squared(ImageTask):
    """A task with a loss and a metric of its own."""

    def loss(self, output, target, reduction="mean"):
        return ((output.softmax(1)[torch.arange(len(target)), target] - 1) ** 2).mean() + 7

    def metric(self, output, target):
        return torch.full((len(target),), 0.25)


def test_loss_and_metric_are_the_task_s(make, toy_task):
    own = Squared(toy_task.name, toy_task.train, toy_task.val, toy_task.test, toy_task.classes)
    result = make(task=own).run_epoch()
    assert 7 < result.train_loss < 8 and result.train_accuracy == result.val_accuracy == 0.25
