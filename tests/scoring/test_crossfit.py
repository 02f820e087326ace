"""No reference is judged by an estimator that was told its value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from doubles import Double
from toy_models import CHAIN, EDGE, cells

from ghn.errors import ConfigError
from ghn.scoring.crossfit import CrossFitted
from ghn.spaces import NASBench201
from ghn.types import Estimator, Score, Trial


class Knowing(Double):
    """Knows what it was told, and says how much it was told of everything else."""

    def __init__(self) -> None:
        self.known: dict[Any, float] = {}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        self.known = {trial.arch: score.value for trial, score in history}

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [Score(self.known.get(t.arch, -len(self.known))) for t in trials]


def test_a_reference_is_judged_by_those_that_do_not_know_it(toy_space: NASBench201) -> None:
    archs = cells(11)
    estimator = CrossFitted(Knowing, toy_space, folds=5)
    assert isinstance(estimator, Estimator)
    estimator.fit([(Trial(str(i), arch), Score(float(i + 1))) for i, arch in enumerate(archs[:10])])
    scores = estimator.score([Trial(f"x{i}", arch) for i, arch in enumerate(archs)])
    assert [s.value for s in scores] == [-8.0] * 10 + [-10.0]


def test_equal_functions_are_one(toy_space: NASBench201) -> None:
    estimator = CrossFitted(Knowing, toy_space, folds=2)
    estimator.fit(
        [(Trial("a", CHAIN), Score(1.0)), (Trial("b", EDGE), Score(2.0)), (Trial("c", cells(1)[0]), Score(3.0))]
    )
    scores = estimator.score([Trial("x", CHAIN), Trial("y", EDGE), Trial("z", "nonsense")])
    assert [s.value for s in scores] == [-1.0, -1.0, -3.0]


def test_nothing_learnt_and_bad_settings(toy_space: NASBench201) -> None:
    estimator = CrossFitted(Knowing, toy_space)
    assert [s.value for s in estimator.score([Trial("a", CHAIN)])] == [0.0] and estimator.score([]) == []
    with pytest.raises(ConfigError, match="at least 2 folds"):
        CrossFitted(Knowing, toy_space, folds=1)
