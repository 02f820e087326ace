"""No reference is judged by an estimator that was told its value."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from doubles import Double
from toy_models import CHAIN, EDGE, cells

from ghn.errors import ConfigError, DataError
from ghn.scoring.crossfit import CrossFitted
from ghn.scoring.score_files import score_to_file
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


def fitted(space: NASBench201, archs: Sequence[Any], folds: int = 5, **changes: Any) -> CrossFitted:
    estimator = CrossFitted(Knowing, space, folds=folds)
    estimator.fit([(Trial(str(i), arch), Score(float(i), **changes)) for i, arch in enumerate(archs)])
    return estimator


def test_identity_holds_what_a_score_depends_on(toy_space: NASBench201) -> None:
    archs = cells(11)
    known = fitted(toy_space, archs[:10]).identity
    assert json.loads(json.dumps(known)) == known
    others = (
        fitted(toy_space, archs[:9]),
        fitted(toy_space, archs[1:11]),  # the same values of others
        fitted(toy_space, archs[:10], folds=4),
        fitted(toy_space, archs[:10], std=0.1),
        fitted(toy_space, archs[:10], extra={"curve": [0.1, 0.2]}),  # what models of learning curves learn from
        fitted(toy_space, [archs[1], archs[0], *archs[2:10]]),
        CrossFitted(Knowing, toy_space),
    )
    identities = [json.dumps(other.identity) for other in (*others, fitted(toy_space, archs[:10]))]
    assert len(set(identities)) == len(identities) and identities[-1] == json.dumps(known)


def test_identity_does_not_depend_on_how_references_are_named_or_what_they_cost(toy_space: NASBench201) -> None:
    archs = cells(6)
    renamed = CrossFitted(Knowing, toy_space)
    renamed.fit([(Trial(f"run-{i}", toy_space.format(a)), Score(float(i), 3.5)) for i, a in enumerate(archs)])
    assert renamed.identity == fitted(toy_space, archs).identity


def test_other_references_are_not_gone_on_with(toy_space: NASBench201, tmp_path: Path) -> None:
    archs, path = cells(10), tmp_path / "scores.jsonl"
    trials = [Trial(toy_space.format(arch), arch) for arch in archs]

    def scored(estimator: CrossFitted) -> list[Score]:
        return score_to_file(estimator, trials, path, estimator.identity, progress=False)

    first = scored(fitted(toy_space, archs[:6]))
    assert scored(fitted(toy_space, archs[:6])) == first
    with pytest.raises(DataError, match=r"references differ(.|\n)*'number': 6(.|\n)*'number': 7"):
        scored(fitted(toy_space, archs[:7]))
    with pytest.raises(DataError, match=r"folds differ(.|\n)*'folds': 5(.|\n)*'folds': 3"):
        scored(fitted(toy_space, archs[:6], folds=3))
