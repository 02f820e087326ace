"""Which images losses are read on: chosen by agreement with random weights, without an accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from toy_models import cells

from ghn.errors import ConfigError
from ghn.scoring import draws as module
from ghn.scoring.draws import DRAWS, choose_draws, draws_of, sample_of
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
    read = [
        one.identity["sample"]["seed"] for n, one in make_ranker(known, task=toy_task).members.items() if "ghn" in n
    ]
    assert read == held["draws"]


def test_a_card_has_a_draw_for_each_variant() -> None:
    assert [*draws_of(None, 3)] == [0, 1, 2] and [*draws_of({"draws": [4, 4]}, 2)] == [4, 4]
    assert [*draws_of({}, 2)] == [0, 0]  # before there was a choice, all were read on the first
    with pytest.raises(ConfigError, match="one a variant"):
        draws_of({"draws": [4]}, 2)
