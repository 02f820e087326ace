"""Which images losses are read on: chosen by agreement with random weights, without an accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from toy_models import cells

from ghn.errors import ConfigError
from ghn.scoring import draws as module
from ghn.scoring.combined import Combined
from ghn.scoring.draws import DRAWS, choose_draws, sample_of
from ghn.scoring.model import Model
from ghn.scoring.ranker import make_ranker, measure_population
from ghn.tasks import ImageTask
from ghn.types import Score, Trial

TRIALS = [Trial(str(i), cell) for i, cell in enumerate(cells(24))]


class Said:
    """An estimator of given scores."""

    def __init__(self, scores: Sequence[Score]) -> None:
        self.scores = scores

    def score(self, trials: Sequence[Trial[Any]]) -> Sequence[Score]:
        return self.scores[: len(trials)]


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IMAGES", 16)  # of the 40 of the toy task


def told(toy_model: Model, monkeypatch: pytest.MonkeyPatch, meco: Any, best: Sequence[int], fails: int = 0) -> Any:
    """A model whose losses say on one draw a variant what random weights say, and on all others nothing."""
    rng = np.random.default_rng(0)
    random = [Score(float(m)) for m in meco]
    monkeypatch.setattr(module, "make_zero_cost", lambda *_: Said(random))

    def estimator(*, task: ImageTask, sample: Any, skeletons: Sequence[Any]) -> Said:
        variant = toy_model.space.reading_variants().index(skeletons[0])  # type: ignore[attr-defined]
        values = meco if best[variant] == sample.seed else rng.permutation(len(meco))
        lost = [Score.failed("no")] * fails
        return Said([*lost, *(Score(float(v)) for v in values[fails:])])

    return SimpleNamespace(space=toy_model.space, fabric=toy_model.fabric, estimator=estimator)


def seeds_of(ranker: Combined) -> list[int]:
    return [one.identity["sample"]["seed"] for name, one in ranker.members.items() if name.startswith("ghn")]


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("fails", [0, 3])
def test_each_variant_has_the_draw_that_agrees_best(
    toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch, fails: int
) -> None:
    model = told(toy_model, monkeypatch, np.arange(24), best=[5, 5, DRAWS - 1], fails=fails)
    assert choose_draws(model, toy_task, TRIALS, progress=False) == [5, 5, DRAWS - 1]


@pytest.mark.usefixtures("few_images")
def test_where_nothing_can_be_told_each_variant_has_its_own(
    toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    for meco, trials in ((np.zeros(24), TRIALS), (np.arange(24), TRIALS[:3])):  # the same of all; too few
        model = told(toy_model, monkeypatch, meco, best=[5, 0, 7])
        assert [*choose_draws(model, toy_task, trials, progress=False)] == [0, 1, 2]
    model = told(toy_model, monkeypatch, np.arange(24), best=[9, 9, 9], fails=24)  # no network can be read
    assert [*choose_draws(model, toy_task, TRIALS, progress=False)] == [0, 1, 2]


@pytest.mark.usefixtures("few_images")
def test_a_card_remembers_what_was_chosen(toy_model: Model, toy_task: ImageTask) -> None:
    held = measure_population(toy_model, 24, task=toy_task, progress=False)
    assert len(held["draws"]) == 3 and set(held["draws"]) <= {*range(DRAWS)}
    assert held == measure_population(toy_model, 24, task=toy_task, progress=False)
    assert sample_of(toy_task, 3).fit(toy_task).val == 16
    known = Model(toy_model.net, toy_model.space, toy_model.card | {"population": held}, toy_model.fabric)
    assert seeds_of(make_ranker(known, task=toy_task)) == held["draws"]


def test_too_few_networks_are_refused_before_images_are_chosen(
    toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ghn.scoring.ranker.choose_draws", lambda *_, **__: pytest.fail("minutes were lost"))
    with pytest.raises(ConfigError, match=r"too few networks(.|\n)*got: +population 19(.|\n)*at least 20"):
        measure_population(toy_model, 19, task=toy_task, progress=False)


def test_a_card_has_a_draw_for_each_variant(toy_model: Model, toy_task: ImageTask) -> None:
    """Of several hypernetworks each its own; before there was a choice, all were read on the first."""

    def carded(**held: Any) -> Model:
        card = toy_model.card | {"population": {**usual, **held}}
        return Model(toy_model.net, toy_model.space, card, toy_model.fabric)

    usual = measure_population(toy_model, 24, task=toy_task, progress=False)
    del usual["draws"]
    first, other = carded(draws=[6, 7, 0]), carded(draws=[3, 4, 5])
    pair = Model(first.net, first.space, first.card, first.fabric, companions=(other,))
    assert seeds_of(make_ranker(pair, task=toy_task)) == [6, 7, 0, 3, 4, 5]
    assert seeds_of(make_ranker(carded(), task=toy_task)) == [0, 0, 0]
    assert seeds_of(make_ranker(carded(task_checksum="of other images"), task=toy_task)) == [0, 1, 2]
    assert seeds_of(make_ranker(toy_model, task=toy_task, draws=[1, 1, 2])) == [1, 1, 2]
    for wrong in ([4], [-1, 0, 0]):
        with pytest.raises(ConfigError, match=r"one a variant|seed must be"):
            make_ranker(toy_model, task=toy_task, draws=wrong)


def test_nothing_is_chosen_where_draws_are_the_same_or_have_no_witness(
    toy_model: Model, toy_task: ImageTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "make_zero_cost", lambda *_: pytest.fail("nothing was to be asked"))
    assert [*choose_draws(toy_model, toy_task, TRIALS)] == [0, 1, 2]  # of 40 images all are read
    monkeypatch.setattr(module, "IMAGES", 16)
    monkeypatch.setattr(type(toy_task.val), "take", lambda self, n, seed=0: self.pick(torch.arange(n)))  # an iterable's
    assert [*choose_draws(toy_model, toy_task, TRIALS)] == [0, 1, 2]
    monkeypatch.undo()
    monkeypatch.setattr(module, "IMAGES", 16)
    monkeypatch.setattr(module, "judges_input", lambda *_: False)  # tokens
    monkeypatch.setattr(module, "make_zero_cost", lambda *_: pytest.fail("nothing was to be asked"))
    assert [*choose_draws(toy_model, toy_task, TRIALS)] == [0, 1, 2]
