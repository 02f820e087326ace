"""What every `Estimator` must do."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest

from ghn.types import Estimator, JudgesTogether, NeedsReferences, Score, Streams, Trial

Archs = Sequence[Any]  # different functions, at least three, that the estimator can judge


def _trials(archs: Archs, prefix: str = "t") -> list[Trial[Any]]:
    return [Trial(f"{prefix}{i}", arch) for i, arch in enumerate(archs)]


def _values(scores: Sequence[Score]) -> list[float]:
    assert all(s.ok for s in scores), [s.error for s in scores]
    return [s.value for s in scores]


def is_an_estimator(estimator: Estimator[Any], archs: Archs) -> None:
    assert isinstance(estimator, Estimator)
    assert estimator.source.strip()


def identity_can_be_written_and_does_not_change_by_scoring(estimator: Estimator[Any], archs: Archs) -> None:
    before = json.dumps(estimator.identity)
    assert json.loads(before)
    estimator.score(_trials(archs))
    assert json.dumps(estimator.identity) == before


def cost_is_a_number_of_multiply_adds_or_unknown(estimator: Estimator[Any], archs: Archs) -> None:
    for arch in archs:
        cost = estimator.cost(arch)
        assert cost is None or (math.isfinite(cost) and cost >= 0)


def capabilities_are_as_their_protocols_say(estimator: Estimator[Any], archs: Archs) -> None:
    if isinstance(estimator, JudgesTogether):
        assert isinstance(estimator.together, bool)
    if isinstance(estimator, NeedsReferences):
        assert estimator.least >= 1
    if isinstance(estimator, Streams):
        trials = _trials(archs)
        streamed = {trial.id: score.value for trial, score in estimator.stream(trials)}
        assert [streamed[t.id] for t in trials] == pytest.approx(_values(estimator.score(trials)), rel=1e-4, abs=1e-5)


def no_trials_no_scores(estimator: Estimator[Any], archs: Archs) -> None:
    estimator.fit([])
    assert estimator.score([]) == []


def one_score_a_trial(estimator: Estimator[Any], archs: Archs) -> None:
    scores = estimator.score(_trials(archs))
    assert len(scores) == len(archs)
    for score in scores:
        assert score.ok and math.isfinite(score.value)
        assert score.cost_seconds >= 0
        assert score.std is None or score.std >= 0
        json.dumps(score.extra)
    assert len(set(_values(scores))) > 1  # it tells candidates apart


def order_company_and_ids_do_not_matter(estimator: Estimator[Any], archs: Archs) -> None:
    forwards = _values(estimator.score(_trials(archs)))
    backwards = _values(estimator.score(_trials(archs[::-1], "other")))[::-1]
    assert forwards == pytest.approx(backwards, rel=1e-4, abs=1e-5)
    alone = _values(estimator.score(_trials(archs[1:2], "alone")))
    assert alone == pytest.approx(forwards[1:2], rel=1e-4, abs=1e-5)


def a_candidate_twice_scores_alike(estimator: Estimator[Any], archs: Archs) -> None:
    first, _, second = _values(estimator.score(_trials([archs[0], archs[1], archs[0]], "twice")))
    assert first == pytest.approx(second, rel=1e-4, abs=1e-5)


def a_bad_candidate_is_a_failed_score_and_harms_no_other(estimator: Estimator[Any], archs: Archs) -> None:
    good = _values(estimator.score(_trials(archs[:2])))
    a, *bad, b = estimator.score(_trials([archs[0], "nonsense", ("nonsense",), None, archs[1]], "bad"))
    assert _values([a, b]) == pytest.approx(good, rel=1e-4, abs=1e-5)
    for score in bad:
        assert not score.ok
        assert math.isnan(score.value)
        assert score.error


ESTIMATOR_CHECKS = (
    is_an_estimator,
    identity_can_be_written_and_does_not_change_by_scoring,
    cost_is_a_number_of_multiply_adds_or_unknown,
    capabilities_are_as_their_protocols_say,
    no_trials_no_scores,
    one_score_a_trial,
    order_company_and_ids_do_not_matter,
    a_candidate_twice_scores_alike,
    a_bad_candidate_is_a_failed_score_and_harms_no_other,
)


def check_estimator(estimator: Estimator[Any], archs: Archs) -> None:
    """Runs the whole suite."""
    for check in ESTIMATOR_CHECKS:
        check(estimator, archs)
