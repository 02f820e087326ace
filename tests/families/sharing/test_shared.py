"""Trainings of shared weights: exact resume, and what each of them promises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import toy
from lightning_fabric import Fabric
from meta_runs import result, same
from shared_cases import METHODS, SPACES, TRAINER, Killed, die, make_run

from ghn.errors import ConfigError
from ghn.families.sharing.darts import DartsConfig, architecture_gradient
from ghn.families.sharing.enas import EnasConfig
from ghn.families.sharing.paths import OneShotConfig, PathDropout, hold_out_images
from ghn.graph import Interpreter
from ghn.train.loop import Loop

Make = Callable[..., Loop]


@pytest.fixture
def make(fabric: Fabric) -> Make:
    return lambda name, folder, *how, **more: make_run(name, folder, fabric, *how, **more)


@pytest.mark.parametrize("name", METHODS)
def test_an_interrupted_run_goes_on_exactly(make: Make, tmp_path: Path, name: str) -> None:
    make(name, tmp_path / "straight").run(progress=False)
    for where in ("before", "amidst"):
        trainer = make(name, tmp_path / where)
        die(trainer, where, step=3)
        with pytest.raises(Killed):
            trainer.run(progress=False)
        torch.manual_seed(1)
        make(name, tmp_path / where, resume=True, seed=7).run(progress=False)
        same(tmp_path / "straight", tmp_path / where)


@pytest.mark.parametrize("name", METHODS)
def test_parameters_gather_no_hooks(make: Make, tmp_path: Path, name: str) -> None:
    trainer = make(name, tmp_path)  # they would, one a step, and each backward pass would call them all
    trainer.run(progress=False)
    assert not any(p._backward_hooks for p in trainer.step.model.parameters())


@pytest.mark.parametrize("name", ["enas", "darts2"])
def test_both_search_the_darts_space_without_knowing_it(make: Make, tmp_path: Path, name: str) -> None:
    space = SPACES["darts"]
    trainer = make(name, tmp_path, space, config=replace(TRAINER, steps=2))
    before = {n: p.detach().clone() for n, p in trainer.step.model.policy.named_parameters()}
    trainer.run(progress=False)
    assert any(not torch.equal(before[n], p) for n, p in trainer.step.model.policy.named_parameters())
    found = trainer.step.found(trainer.averaged(), trainer.done)
    assert space.format(space.parse(found["architecture"])) == found["architecture"]
    assert sum(found["operations"].values()) == 28 and found["operations"]["none"] == 12
    last = result(tmp_path)[2][-1]
    assert last["policy/entropy"] > 0 and "operations/skip_connect" in last


@pytest.mark.parametrize("name", METHODS)
def test_the_val_split_is_left_for_scores(make: Make, tmp_path: Path, name: str) -> None:
    class Poisoned(type(toy.make_task().val)):  # type: ignore[misc]
        def batch(self, index: Any) -> Any:
            raise AssertionError("validation or test images were read")

    task = toy.make_task()
    poisoned = {s: Poisoned(x.images, x.labels, x.normalisation) for s, x in task.splits().items() if s != "train"}
    trainer = make(name, tmp_path, task=replace(task, **poisoned))
    trainer.run(progress=False)


def test_images_held_out_are_no_training_images() -> None:
    task = toy.make_task()
    kept, held = hold_out_images(task, 0.25, 8, seed=3)
    assert len(kept.train) == 60 and len(held) == 20
    assert held.labels.bincount().tolist() == [5] * 4
    rows = {tuple(i.flatten().tolist()) for i in kept.train.images} | {tuple(i.flatten().tolist()) for i in held.images}
    assert len(rows) == 80
    for share, images in ((0.0, 8), (1.0, 8), (0.25, 21)):
        with pytest.raises(ConfigError, match="held_out"):
            hold_out_images(task, share, images, seed=0)


def test_only_the_weights_of_drawn_paths_change(make: Make, tmp_path: Path) -> None:
    trainer = make("oneshot", tmp_path, config=replace(TRAINER, architectures=1, images=16))
    before = {n: p.detach().clone() for n, p in trainer.step.model.named_parameters()}
    (arch,) = trainer.step.paths(0, 1)
    used = {id(w) for w in trainer.step.model([trainer.step.network(arch, 0).graph])[0].values()}
    trainer.advance()
    changed = {n for n, p in trainer.step.model.named_parameters() if not torch.equal(before[n], p)}
    assert changed and changed <= {n for n, p in trainer.step.model.named_parameters() if id(p) in used}


def test_ghost_normalisation_takes_statistics_over_groups(make: Make, tmp_path: Path) -> None:
    whole, one, four = (
        make("oneshot", tmp_path / str(ghost), config=replace(TRAINER, ghost=ghost)) for ghost in (0, 8, 2)
    )
    assert torch.equal(whole.advance(), one.advance())  # one group: ordinary batch normalisation
    arch = ("nor_conv_3x3",) * 6
    graph = toy.SPACE.network(arch).graph
    weights, x = four.step.model([graph])[0], torch.randn(8, 3, 8, 8)
    logits = four.step.descent.logits(Interpreter(graph), weights, x)
    for k in range(4):
        own = Interpreter(graph).run(weights, x[2 * k : 2 * k + 2]).output
        torch.testing.assert_close(logits[2 * k : 2 * k + 2], own)
    assert not torch.allclose(logits, Interpreter(graph).run(weights, x).output)
    with pytest.raises(ConfigError, match="ghost must divide images"):
        replace(TRAINER, ghost=3)


def test_ever_more_paths_are_dropped() -> None:
    paths = PathDropout(toy.SPACE, drop=0.5, steps=1000, seed=0)
    assert paths(0, 5) == [((0, 1, 2, 3, 4),) * 6] * 5
    gone = []
    for step in (250, 500, 999):
        edges = [kept for network in paths(step, 400) for kept in network]
        gone.append(sum(not kept for kept in edges) / len(edges))
        dropped = 1 - sum(map(len, edges)) / (5 * len(edges))
        assert dropped == pytest.approx((0.5 * step / 1000) ** 0.2, abs=0.02)
    assert gone == pytest.approx([0.125, 0.25, 0.5], abs=0.03)  # of all operations of an edge together


def test_the_second_order_gradient_is_that_through_the_step_of_the_weights() -> None:
    """Against autograd through w' = w - rate dw L_train(w, a), where losses are smooth and small."""
    torch.manual_seed(0)
    data = [torch.randn(20, 3, dtype=torch.float64) for _ in range(2)]
    targets = [x.sum(1).sin() for x in data]

    def loss_of(x: torch.Tensor, y: torch.Tensor) -> Any:
        def loss(w: Any, a: Any) -> torch.Tensor:
            mix = a[0].softmax(0)
            hidden = mix[0] * (x @ w[0]).tanh() + mix[1] * (x @ w[0]) + mix[2] * (x @ w[1])
            return F.mse_loss(hidden, y)

        return loss

    train, val = (loss_of(x, y) for x, y in zip(data, targets, strict=True))
    w = [torch.randn(3, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    a = [torch.randn(3, dtype=torch.float64, requires_grad=True)]
    for rate in (0.0, 0.1, 0.5):
        slope = torch.autograd.grad(train(w, a), w, create_graph=True)
        through = torch.autograd.grad(val([p - rate * d for p, d in zip(w, slope, strict=True)], a), a)
        made = architecture_gradient(train, val, w, a, rate, order=2)
        torch.testing.assert_close(made[0], through[0], rtol=1e-3, atol=1e-6)
    first = architecture_gradient(train, val, w, a, 0.5, order=1)
    torch.testing.assert_close(first[0], torch.autograd.grad(val(w, a), a)[0])
    assert not torch.allclose(first[0], through[0], rtol=0.01)


def test_darts_prefers_the_operation_that_lowers_the_held_out_loss(make: Make, tmp_path: Path) -> None:
    """A cell of zeros predicts a constant, so no edge that leads to the output may end with none."""
    METHODS["fast"] = DartsConfig(order=1, images=16, lr=0.1)
    trainer = make("fast", tmp_path, config=replace(TRAINER, steps=20, images=16, save_every=30))
    trainer.run(progress=False)
    del METHODS["fast"]
    log = [line for line in result(tmp_path)[2] if "policy/entropy" in line]
    assert log[-1]["policy/entropy"] < log[0]["policy/entropy"] - 0.05
    assert log[-1]["loss"] < log[0]["loss"]


@pytest.mark.parametrize(
    ("make_config", "message"),
    [
        (lambda: OneShotConfig(paths="all"), r"got: +all\n +expected: uniform \| dropout"),
        (lambda: OneShotConfig(drop=1.0), "drop"),
        (lambda: EnasConfig(every=0), "every must be a whole number"),
        (lambda: EnasConfig(baseline=1.0), r"baseline must be a number(.|\n)*1\.0"),
        (lambda: DartsConfig(order=3), "order must be 1 or 2"),
        (lambda: DartsConfig(lr=0.0), r"lr must be a number above 0\n(.|\n)*0\.0"),
        (lambda: replace(TRAINER, optimizer="lion"), r"adamw \| sgd"),
        (lambda: replace(TRAINER, momentum=1.0), r"momentum must be a number(.|\n)*1\.0"),
    ],
)
def test_impossible_settings_are_refused(make_config: Callable[[], Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_config()


def test_a_controller_that_would_never_be_trained_is_refused(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"never be trained(?s:.*)every 2, trainer.steps 1"):
        make("enas", tmp_path, config=replace(TRAINER, steps=1))


def test_darts_trains_one_supergraph(make: Make, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one supergraph"):
        make("darts", tmp_path, config=replace(TRAINER, skeletons=[{"depth": 2}]))
