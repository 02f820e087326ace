"""Checkpoints of tasks of other kinds than images: trained, saved, loaded, refused for what does not fit."""

import json

import pytest
import torch
from mlp_space import Perceptrons

from ghn.errors import CheckpointError, ConfigError
from ghn.nets import GHNConfig
from ghn.scoring.load import load
from ghn.scoring.model import check_task
from ghn.scoring.train_model import train_hypernetwork
from ghn.spaces import SPACES
from ghn.tasks import from_arrays
from ghn.tasks.outputs import kind_of
from ghn.train.meta import MetaConfig

X = torch.randn(100, 5, generator=torch.Generator().manual_seed(0))
NUMBER = 20 + 3 * X[:, 0]


class Narrow(Perceptrons):
    """Of hidden layers of one unit, which every hypernetwork can make."""

    def sample(self, rng):
        return (1,) * rng.choice((1, 2))


@pytest.fixture(scope="module")
def task():
    return from_arrays("house prices", (X, NUMBER), kind="regression")


@pytest.fixture
def model(task, fabric, tmp_path, monkeypatch):
    monkeypatch.setitem(SPACES, "perceptrons", Narrow)
    space = Narrow(task.input_shape, 1)
    config = GHNConfig(classes=1, hidden=16, heads=2, layers=1, decoder_hidden=16, channels=8)
    trainer = MetaConfig(steps=2, sampling="uniform", architectures=2, images=8, save_every=2, check_every=2)
    return train_hypernetwork(config, space, task, trainer, fabric, tmp_path, check=0, progress=False)


def test_a_checkpoint_of_a_regression_scores_in_the_units_it_was_trained_in(model, task, tmp_path):
    loaded = load(tmp_path / "checkpoint.safetensors", device="cpu")
    assert loaded.card["task"] == json.loads(json.dumps(task.describe()))
    scores = loaded.score([(1,), "1-1"], task=task)
    assert all(s.ok for s in scores)
    moved = from_arrays("elsewhere", (X + 3, NUMBER * 2), kind="regression")
    x, y = next(loaded.images(moved).train.batches(100))
    own_x, own_y = next(moved.train.batches(100))
    assert own_x.mean().abs() < 1e-4 and x.mean() > 2, "inputs keep the units of the checkpoint"
    assert own_y.mean().abs() < 1e-4 and y.mean() > 2, "so do targets"


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda: from_arrays("other", (X[:, :4], NUMBER), kind="regression"), r"'input_shape': \[4\]"),
        (lambda: from_arrays("other", (X, X[:, :2]), kind="regression"), r"'output_shape': \[2\]"),
        (lambda: from_arrays("other", (X, (X[:, :1] > 0).int()), kind="multi_label"), "'kind': 'multi_label'"),
    ],
)
def test_a_task_of_another_kind_is_refused_with_both(model, made, named):
    with pytest.raises(CheckpointError, match=rf"task other\n +got: .*{named}(?s:.*)expected: .*regression"):
        model.score([(1,)], task=made())


def test_cards_that_know_images_alone_still_fit(toy_task):
    old = {key: toy_task.describe()[key] for key in ("name", "channels", "image_size", "classes", "mean", "std")}
    assert kind_of(old) == kind_of(toy_task.describe())
    check_task({"task": old}, toy_task)
    assert torch.equal(*(next(t.val.batches(40))[0] for t in (toy_task, toy_task.normalised_as(old))))


def test_rank_leaves_the_proxy_of_images_out(model, task):
    archs = [(1,) * depth for depth in range(1, 21)]
    ranked = model.rank(archs, task=task)
    assert all(score.ok for score in ranked), [score.error for score in ranked]
    assert not [name for name in ranked[0].extra if "meco" in name]


def test_what_is_no_task_is_told(model):
    with pytest.raises(ConfigError, match=r"task=tuple(?s:.*)from_arrays"):
        model.score([(1,)], task=(X, NUMBER))
