"""Combinations: planted estimators whose best sets are known, choices that never see the report, and wrong input."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from doubles import Double
from rich.console import Console

from ghn.analysis.choose_sets import Judge, all_sets, grow, grow_at_costs, search_combinations
from ghn.analysis.correction import Population
from ghn.analysis.correlation import kendall
from ghn.analysis.sets import Combination, Combinations, ScoreMatrix
from ghn.drawing.style import to_bytes
from ghn.errors import ConfigError, DataError
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.terminal import print_blocks
from ghn.scoring.combined import Ensemble
from ghn.spaces import NASBench201
from ghn.types import Score, Trial

SECONDS = {"one": 0.1, "two": 0.1, "copy": 0.2, "blind": 0.001}


def planted(seed: int, n: int = 240) -> ScoreMatrix:
    """Two estimators with independent errors of one size, a copy of the first, and one that knows nothing."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=n)
    one, two = (truth + rng.normal(size=n) for _ in range(2))
    scores = {"one": one, "two": np.exp(two), "copy": 5 * one - 3, "blind": rng.normal(size=n)}
    return ScoreMatrix(scores, 90 + truth, [f"{seed}/{i}" for i in range(n)])


def only(matrix: ScoreMatrix, *names: str) -> ScoreMatrix:
    return ScoreMatrix({name: matrix.scores[name] for name in names}, matrix.reference, matrix.ids)


def search(development: ScoreMatrix | None = None, report: ScoreMatrix | None = None, **options: Any) -> Combinations:
    seconds: Mapping[str, float] = options.pop("seconds", SECONDS)
    return search_combinations(
        planted(0) if development is None else development,
        planted(1) if report is None else report,
        seconds,
        **{"sizes": (0,), "draws": 3, "bootstrap": 60, **options},
    )


def of(found: Combinations, *members: str, references: int = 0) -> Combination:
    return next(c for c in found.combinations if set(c.members) == set(members) and c.references == references)


def value(one: Combination) -> float:
    assert one.kendall.value is not None
    return one.kendall.value


@pytest.fixture(scope="module")
def found() -> Combinations:
    return search(sizes=(0, 40), one_off_seconds={"one": 60.0})


def test_two_with_independent_errors_beat_each_alone(found: Combinations) -> None:
    best = found.front()[-1]
    assert best.members == ("one", "two") and best.greedy and best.best_of_size
    assert value(best) > max(value(of(found, name)) for name in ("one", "two")) + 0.03
    assert best.versus is not None and best.versus.baseline in ("one", "two") and (best.versus.kendall.low or 0) > 0
    assert {gain.member for gain in best.gains if (gain.kendall.low or 0) > 0} == {"one", "two"}
    assert (best.seconds, best.one_off_seconds) == (pytest.approx(0.2), 60.0)
    assert found.tried == {0: 15, 40: 15} and found.exhaustive


def test_what_two_members_share_is_paid_once() -> None:
    prices = {"one": 60.0, "two": 60.0}
    apart = search(one_off_seconds=prices)
    shared = search(one_off_seconds=prices, paid_for={"one": "checkpoint", "two": "checkpoint"})
    assert of(apart, "one", "two").one_off_seconds == 120.0 and of(shared, "one", "two").one_off_seconds == 60.0
    assert Combinations.from_json(shared.to_json()) == shared


def test_a_single_estimator_is_what_it_is_anywhere_else(found: Combinations) -> None:
    report = planted(1)
    for name, scores in report.scores.items():
        assert of(found, name).kendall.value == kendall(scores, report.reference)
        assert of(found, name).gains == () and of(found, name).versus is None


def test_a_duplicate_adds_nothing() -> None:
    found = search(only(planted(0), "one", "copy"), only(planted(1), "one", "copy"), sizes=(0, 40))
    both = of(found, "one", "copy")
    assert [gain.kendall.value for gain in both.gains] == pytest.approx([0, 0], abs=0.01)
    assert [c.members for c in found.front()] == [("one",)]
    assert "no set is chosen over one alone" in " ".join(combination_sentences(found))


def test_references_find_whom_to_believe() -> None:
    """A set with one that knows nothing is spoilt by the mean, and mended by references."""
    known, new = (only(planted(seed), "one", "blind") for seed in (0, 1))
    found = search(known, new, sizes=(0, 40))
    spoilt, mended = (of(found, "one", "blind", references=size) for size in (0, 40))
    assert value(mended) > value(spoilt) + 0.05
    assert mended.spread is not None and mended.spread > 0 and spoilt.spread is None


def test_nothing_is_chosen_by_the_report_references(found: Combinations) -> None:
    report = planted(1)
    shuffled = np.random.default_rng(7).permutation(np.asarray(report.reference))
    other = search(report=ScoreMatrix(report.scores, shuffled, report.ids), sizes=(0, 40))

    def chosen(one: Combinations) -> list[tuple[Any, ...]]:
        return [
            (c.members, c.references, c.development, c.front, c.greedy, c.best_of_size, c.versus and c.versus.baseline)
            for c in one.combinations
        ]

    assert chosen(other) == chosen(found)
    assert [c.kendall for c in other.combinations] != [c.kendall for c in found.combinations]


def test_the_front_rises_with_cost_and_answers_for_a_cost(found: Combinations) -> None:
    for size in found.sizes:
        front = found.front(size)
        assert [c.seconds for c in front] == sorted(c.seconds for c in front)
        gains = np.diff([c.development for c in front])
        assert (gains >= found.least).all()
    assert found.best_at(0.15).members in (("one",), ("two",))
    assert found.best_at(0.01).members == ("blind",) and found.best_at(1e-6) is None
    assert not any("copy" in c.members for c in found.front())  # dearer and no better


def test_failures_leave_the_common_subset_and_are_counted() -> None:
    development, report = planted(0), planted(1)
    for matrix in (development, report):
        np.asarray(matrix.scores["one"])[:7] = np.nan
        np.asarray(matrix.scores["blind"])[:200] = np.nan
    found = search(development, report)
    assert (found.n_development, found.n_development_given, found.n_report) == (233, 240, 233)
    members = {member.name: member for member in found.members}
    assert (members["one"].failed_development, members["one"].failed_report) == (7, 7)
    assert members["blind"].set_aside and "200 of 240 development" in members["blind"].set_aside
    assert not any("blind" in c.members for c in found.combinations)
    assert len(found.warnings) == 3 and "233 of 240 report networks" in found.warnings[-1]


def test_many_members_are_chosen_greedily() -> None:
    rng = np.random.default_rng(5)
    matrices = []
    for seed in (0, 1):
        truth = np.random.default_rng(seed).normal(size=80)
        scores = {f"m{i}": truth + (1 + 0.2 * i) * rng.normal(size=80) for i in range(14)}
        matrices.append(ScoreMatrix(scores, truth))
    found = search(*matrices, seconds={f"m{i}": 1.0 / (1 + i) for i in range(14)}, largest=3)
    assert not found.exhaustive and found.tried[0] < len(all_sets(14, 3))
    greedy = next(c for c in found.combinations if c.greedy)
    assert greedy.development > max(c.development for c in found.singles())
    assert found.front()[0].seconds == pytest.approx(1 / 14)
    assert "by greedy selection" in combination_sentences(found)[0]


def test_greedy_selection_by_hand() -> None:
    worth = {(0,): 0.5, (1,): 0.4, (2,): 0.3, (0, 1): 0.52, (0, 2): 0.6, (1, 2): 0.9, (0, 1, 2): 0.601}
    assert grow(worth.__getitem__, [0, 1, 2], 3, 0.01) == (0, 2)  # and not (1, 2): that is what greedy means
    assert grow(worth.__getitem__, [0, 1, 2], 3, 0.0) == (0, 1, 2)
    assert grow(worth.__getitem__, [0, 1, 2], 1, 0.0) == (0,)
    seen = []
    grow_at_costs(lambda s: seen.append(s) or worth[s], {0: 9.0, 1: 1.0, 2: 1.0}, 3, 0.01)  # type: ignore[func-returns-value]
    assert (1,) in seen and (0, 2) in seen
    assert all_sets(3, 2) == [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2)]


class Says(Double):
    """A member that looks its scores up."""

    def __init__(self, scores: Mapping[Any, float]) -> None:
        self.scores = scores

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [Score(self.scores[trial.arch]) for trial in trials]


@pytest.mark.parametrize("given", [0, 20])
def test_a_set_is_what_the_ensemble_estimator_makes_of_it(toy_space: NASBench201, given: int) -> None:
    rng = np.random.default_rng(3)
    archs, n = toy_space.distinct()[200:320], 60
    truth = rng.normal(size=120)
    scores = truth[:, None] + rng.normal(size=(120, 2))
    judge = Judge((scores[:n], truth[:n]), (scores[n:], truth[n:]), given, draws=1, bootstrap=0, seed=0)
    members = {str(i): Says(dict(zip(archs, scores[:, i].tolist(), strict=True))) for i in range(2)}
    population = Population.of({f"{i}/value": scores[:n, i] for i in range(2)})
    ensemble = Ensemble(toy_space, members, population=population)
    known = np.random.default_rng([0, 0, given]).permutation(n)[:given]  # the draw of the judge
    ensemble.fit([(Trial(str(i), archs[i]), Score(float(truth[i]))) for i in known])
    values = [score.value for score in ensemble.score([Trial(str(i), archs[i]) for i in range(n, 120)])]
    assert judge.report((0, 1))["kendall"].value == pytest.approx(kendall(values, truth[n:]))


def test_json_table_sentences_and_pictures(found: Combinations) -> None:
    assert Combinations.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False))) == found
    shown = io.StringIO()
    print_blocks([combination_table(found)], Console(width=200, file=shown))
    assert "* one + two" in shown.getvalue() and " 60 s " in shown.getvalue()
    sentences = " ".join(combination_sentences(found))
    assert "the set chosen is one + two" in sentences and "clearly better than" in sentences
    pictures = combination_pictures(found)
    assert [p.subject for p in pictures] == ["no references", "40 references"]
    assert all("one + two" in p.alt and len(to_bytes(p.figure, "png")) > 1000 for p in pictures)
    with pytest.raises(DataError, match="schema"):
        Combinations.from_json({})
    with pytest.raises(DataError, match="damaged"):
        Combinations.from_json({**found.to_json(), "tried": None})


def test_what_costs_nothing_is_drawn(found: Combinations) -> None:
    free = search(seconds={**SECONDS, "blind": 0.0})
    assert free.front()[0].seconds == 0 and to_bytes(combination_pictures(free)[0].figure, "png")


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"seconds": {"one": 1.0, "two": float("nan"), "copy": -1.0}}, DataError, r"no cost(?s:.*)two, copy, blind"),
        ({"report": only(planted(1), "one", "copy", "blind")}, DataError, "same estimators"),
        ({"report": planted(0)}, DataError, r"networks that they are reported on(?s:.*)240 in both"),
        ({"report": ScoreMatrix(planted(1).scores, np.ones(240))}, DataError, "all references are equal"),
        ({"report": ScoreMatrix(planted(1).scores, np.full(240, np.nan))}, DataError, "not finite"),
        ({"report": ScoreMatrix(planted(1).scores, np.ones(5))}, DataError, "same length"),
        ({"report": ScoreMatrix(planted(1).scores, planted(1).reference, ["x"] * 240)}, DataError, "ids"),
        ({"development": planted(0, 12), "report": planted(1, 12)}, DataError, "too few development networks"),
        ({"sizes": (0, 3)}, ConfigError, "numbers of references"),
        ({"sizes": (235,)}, ConfigError, r"5 to 230"),
        ({"sizes": ()}, ConfigError, "numbers of references"),
        ({"draws": 0}, ConfigError, "draws"),
        ({"largest": 1}, ConfigError, "largest"),
    ],
)
def test_wrong_input(changes: dict[str, Any], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        search(**changes)


def test_estimators_that_mostly_fail_leave_nothing_to_combine() -> None:
    development = planted(0)
    for name in ("two", "copy", "blind"):
        np.asarray(development.scores[name])[:180] = np.nan
    with pytest.raises(DataError, match="fewer than two estimators"):
        search(development)
