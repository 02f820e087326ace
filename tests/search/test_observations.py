"""Trainings as they come: curves that have not ended, and references."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import recorded
import torch
import toy
from doubles import Double

from ghn.errors import ConfigError, DataError
from ghn.families.curves.baselines import SumOfLosses
from ghn.search import CurveReader
from ghn.search.surrogate import Surrogate
from ghn.types import Reference, Score, Trial

SPACE = toy.SPACE
HORIZON = 10


class Convolutions(Double):
    def score(self, trials: Any) -> list[Score]:
        return [Score(float(sum(op.startswith("nor") for op in t.arch)), std=0.5) for t in trials]


class Learnt(Convolutions):
    """Expects .5 of everything, as sure as it says, once it has seen five."""

    least = 5

    def __init__(self, std: float) -> None:
        self.std, self.seen = std, dict[Any, float]()

    def fit(self, history: Any) -> None:
        self.seen = {trial.arch: score.value for trial, score in history}

    def score(self, trials: Any) -> list[Score]:
        return [Score(0.5, std=self.std) for _ in trials]


def archs(n: int) -> list[Any]:
    return Random(0).sample(SPACE.distinct(), n)


def curve(end: float, epochs: int = HORIZON) -> list[float]:
    """Comes nearer to its end by half with each epoch."""
    return [end * (1 - 0.5**epoch) for epoch in range(1, epochs + 1)]


def surrogate(judge: Any = None, **options: Any) -> Surrogate[Any]:
    return Surrogate(judge or Convolutions(), SPACE, curves=CurveReader(HORIZON, **options), pool=20)


def test_what_finished_trainings_gained_is_expected_of_those_that_run() -> None:
    made, known = surrogate(), archs(14)
    for number, arch in enumerate(known[:12]):
        made.observe(arch, curve(0.5 + 0.03 * number))
    made.observe(known[12], curve(0.9, 3))
    ((value, std),) = made.curves.values(1.0).values()  # type: ignore[union-attr]
    assert curve(0.9, 3)[-1] + 0.03 < value < 0.95 and 0 < std < 0.1
    assert len(made.observed) == 12 and made.best == (known[11], curve(0.83)[-1])
    assert SPACE.canonical(known[12]) not in {SPACE.canonical(arch) for arch in made.suggest(8)}


def test_a_longer_curve_a_value_and_a_failure_take_the_place_of_a_curve() -> None:
    made, (one, two, three, *_) = surrogate(take="last"), archs(5)
    reader = made.curves
    assert reader is not None
    for arch in (one, two, three):
        made.observe(arch, curve(0.8, 2))
    made.observe(one, {"epochs": [1, 2, 4], "val_accuracy": [0.1, 0.2, 0.4]})
    assert sorted(value for value, _ in reader.values(1.0).values()) == pytest.approx([0.4, 0.6, 0.6])
    made.observe(two, 0.7)
    made.observe(three, None)
    assert len(reader.running) == 1 and made.observed == {SPACE.format(two): 0.7}
    made.observe(one, curve(0.9))  # to the end
    assert not reader.running and made.observed[SPACE.format(one)] == pytest.approx(0.9, abs=1e-3)


@pytest.mark.parametrize(("sure", "low", "high"), [(0.001, 0.5, 0.51), (10.0, 0.69, 0.8)])
def test_a_curve_counts_as_far_as_it_is_sure(sure: float, low: float, high: float) -> None:
    judge = Learnt(sure)
    made, known = surrogate(judge), archs(8)
    for arch in known[:6]:
        made.observe(arch, 0.6)
    made.observe(known[6], [0.3, 0.55, 0.65, 0.7])
    made.predict(known[:2])
    assert low <= judge.seen[known[6]] < high and judge.seen[known[0]] == 0.6


def test_with_curves_alone_it_learns_too() -> None:
    made, known = surrogate(take="last"), archs(9)
    for number, arch in enumerate(known[:6]):
        made.observe(arch, curve(0.4 + 0.1 * number, 4))
    mean, _ = made.predict(known)
    assert 0.3 < mean.min() <= mean.max() < 1.0 and made.best is None  # in their unit, though none has ended


def test_the_best_epoch_may_count_and_less_be_better() -> None:
    made = Surrogate(Convolutions(), SPACE, direction="minimize", curves=CurveReader(4, take="best"))
    one, two = archs(2)
    made.observe(one, [3.0, 1.0, 2.0, 2.5])
    made.observe(two, [3.0, 2.0])
    assert made.observed == {SPACE.format(one): 1.0}
    assert [value for value, _ in made.curves.values(-1.0).values()] == [2.0]  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="minimises"):
        Surrogate(Convolutions(), SPACE, direction="minimize", curves=CurveReader(4)).observe(one, [3.0])


def test_what_has_collapsed_counts_with_its_last_value_and_too_short_a_curve_not_yet() -> None:
    made, (one, two, *_) = surrogate(model="parametric"), archs(3)
    made.observe(one, [0.1, 0.1, 0.1, 0.1])
    made.observe(two, [0.1, 0.2])  # four epochs are needed
    ((value, std),) = made.curves.values(1.0).values()  # type: ignore[union-attr]
    assert value == 0.1 and np.isnan(std) and len(made.curves.running) == 2  # type: ignore[union-attr]


def test_a_saved_one_keeps_its_curves(tmp_path: Path) -> None:
    made, known = surrogate(), archs(14)
    for number, arch in enumerate(known[:12]):
        made.observe(arch, curve(0.5 + 0.03 * number))
    made.observe(known[12], curve(0.9, 3))
    made.save(tmp_path / "state.json")
    again = Surrogate.load(tmp_path / "state.json", Convolutions(), SPACE, curves=CurveReader(HORIZON), pool=20)
    assert again.observed == made.observed and again.curves is not None and made.curves is not None
    assert again.curves.values(1.0) == made.curves.values(1.0)
    assert again.predict(known)[0] == pytest.approx(made.predict(known)[0])


def test_references_of_every_kind() -> None:
    table, space = recorded.table(), recorded.space()
    known = {run.arch for run in table.runs}
    for given in (table, Reference("r", "", dict.fromkeys(known, 0.5), {}), dict.fromkeys(known, 0.5)):
        made = Surrogate(Convolutions(), space)
        assert made.observe_all(given) >= len(known) and len(made.observed) == len(known)  # type: ignore[arg-type]
    trials = [Trial(a, space.parse(a)) for a in sorted(known)[:12]]
    scores = recorded.estimator("val_accuracy").score([Trial(t.id, t.arch, 5.0) for t in trials])
    made = Surrogate(Convolutions(), space, curves=CurveReader(20))
    made.observe_all(list(zip(trials, scores, strict=True)))
    assert made.curves is not None and len(made.curves.running) == 12 and not made.observed
    made.observe_all(table)  # to the end, with the curves of all
    assert not made.curves.running and len(made.observed) == len(known)
    plain = Surrogate(Convolutions(), space)
    plain.observe(trials[0].arch, scores[0])  # a score is a value where no curves are read
    assert list(plain.observed.values()) == [scores[0].value]


@pytest.mark.parametrize("wrong", [[], [0.1, float("nan")], {"epochs": [2, 1], "val_accuracy": [0.1, 0.2]}, {}])
def test_what_is_no_curve(wrong: Any) -> None:
    made = surrogate()
    with pytest.raises(DataError, match="no learning curve"):
        made.observe(archs(1)[0], wrong)
    for other in ("0.9", [0.1, 93.0]):  # text, and percent
        with pytest.raises(DataError, match=r"neither a value nor a learning curve|fraction in \[0, 1\]"):
            made.observe(archs(1)[0], other)  # type: ignore[arg-type]
    assert made.observed == {} and not made.curves.running  # type: ignore[union-attr]


def test_wrong_readers() -> None:
    with pytest.raises(ConfigError, match=r"CurveReader\(horizon=EPOCHS\)"):
        Surrogate(Convolutions(), SPACE).observe(archs(1)[0], [0.1, 0.2])
    for wrong in (
        {"horizon": 0},
        {"horizon": 9, "take": "first"},
        {"horizon": 9, "model": "luck"},
        {"horizon": "9"},
        {"horizon": 2.5},
        {"horizon": 9, "model": 3},
    ):
        with pytest.raises(ConfigError):
            CurveReader(**wrong)
    assert isinstance(CurveReader(9, model=SumOfLosses()).model, SumOfLosses)


def test_numbers_and_curves_of_other_libraries() -> None:
    made = Surrogate(Convolutions(), SPACE, curves=CurveReader(HORIZON))
    arch, other = SPACE.distinct()[:2]
    made.observe(arch, torch.tensor(0.5))
    made.observe(other, np.array(0.25))
    assert sorted(made.observed.values()) == [0.25, 0.5]
    made.observe(SPACE.distinct()[2], np.array([0.1, 0.2]))
    made.observe(SPACE.distinct()[3], torch.tensor([0.1, 0.2]))
    assert len(made.state()["running"]) == 2
    with pytest.raises(DataError, match="neither a value"):
        made.observe(arch, "0.9")  # type: ignore[arg-type]
    for nothing in (1j, object(), {1, 2}):
        with pytest.raises(ConfigError, match="is a number"):
            made.observe(arch, nothing)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="neither a value"):
        made.observe(arch, [0.5, 10**400])
    for wrong in ("mine.csv", [(arch, 0.5)], None, 3):
        with pytest.raises(DataError, match="no references"):
            made.observe_all(wrong)  # type: ignore[arg-type]
