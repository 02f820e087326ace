"""Look-ups as estimators: simulated trainings of NAS-Bench-201 cells, and scores that were made before."""

from __future__ import annotations

import re

import pytest

from ghn.errors import ConfigError, DataError
from ghn.spaces import NASBench201
from ghn.tables.lookup import Recorded, TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.types import Estimator, Score, Trial

SPACE = NASBench201((3, 16, 16), 10)
# The same function twice (the second's extra convolution is cut off from the output), and another one.
SAME = (
    ("nor_conv_3x3", "none", "none", "none", "skip_connect", "none"),
    ("nor_conv_3x3", "nor_conv_1x1", "none", "none", "skip_connect", "none"),
)
OTHER = ("none", "none", "none", "nor_conv_1x1", "none", "none")
ABSENT = ("none", "none", "none", "avg_pool_3x3", "none", "none")


def run(arch: tuple[str, ...], seed: int, *curve: float) -> Run:
    losses = tuple(1 - v for v in curve)
    return Run(SPACE.format(arch), seed, val_accuracy=curve, val_loss=losses, test_accuracy=0.9, seconds=40.0)


TABLE = ReferenceTable(
    TableHeader("nasbench201", "embedded", source="a job"),
    (
        run(SAME[0], 0, 0.1, 0.2, 0.3, 0.4),
        run(SAME[1], 0, 0.3, 0.4, 0.5, 0.6),
        run(OTHER, 0, 0.2, 0.3, 0.4, 0.7),
    ),
)


def estimator(**settings: object) -> TableEstimator:
    return TableEstimator(TABLE, SPACE, **settings)  # type: ignore[arg-type]


def test_is_an_estimator() -> None:
    assert isinstance(estimator(), Estimator)
    assert estimator().source == "a job"
    estimator().fit([])


def test_equal_cells_share_their_entries() -> None:
    scores = estimator().score([Trial("a", SAME[0]), Trial("b", SAME[1]), Trial("c", OTHER)])
    assert [s.value for s in scores] == pytest.approx([0.5, 0.5, 0.7])
    assert scores[0].std == pytest.approx(0.1) and scores[2].std is None
    assert [s.cost_seconds for s in scores] == [80.0, 80.0, 40.0]
    assert [s.budget for s in scores] == [4.0] * 3


def test_own_key_keeps_them_apart() -> None:
    scores = estimator(key=SPACE.format).score([Trial("a", SAME[0]), Trial("b", SAME[1])])
    assert [s.value for s in scores] == [0.4, 0.6]


def test_official_strings_as_trials() -> None:
    assert estimator().score([Trial("a", SPACE.format(OTHER))])[0].value == 0.7


def test_budget_is_an_epoch() -> None:
    at = estimator().score([Trial(f"{b}", OTHER, budget=b) for b in (1, 2.9, 4)])
    assert [s.value for s in at] == [0.2, 0.3, 0.7]
    assert [s.cost_seconds for s in at] == [10.0, 20.0, 40.0]
    assert [s.budget for s in at] == [1.0, 2.0, 4.0]


def test_resumed_trial_costs_the_difference() -> None:
    one = estimator()
    first = one.score([Trial("a", OTHER, budget=1)])[0]
    second = one.score([Trial("b", OTHER, budget=4, resume="a")])[0]
    assert (first.cost_seconds, second.cost_seconds, second.value) == (10.0, 30.0, 0.7)


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Trial("x", ABSENT), "not in the table"),
        (Trial("x", OTHER, budget=5), "after epoch 5(.|\n)*epochs 1 to 4"),
        (Trial("x", OTHER, budget=0.5), "after epoch 0"),
        (Trial("x", "|nonsense~0|"), "malformed"),
        (Trial("x", ("conv",) * 6), "not a NAS-Bench-201 cell"),
    ],
)
def test_failures_are_scores(trial: Trial, reason: str) -> None:
    good, bad = estimator().score([Trial("y", OTHER), trial])
    assert good.ok and not bad.ok
    assert re.search(reason, str(bad.error))


def test_metrics() -> None:
    assert estimator(metric="test_accuracy").score([Trial("a", OTHER)])[0].value == 0.9
    assert estimator(metric="val_loss").score([Trial("a", OTHER)])[0].value == pytest.approx(-0.3)
    early = estimator(metric="test_accuracy").score([Trial("a", OTHER, budget=2)])[0]
    assert "no test_accuracy" in str(early.error)
    with pytest.raises(ConfigError, match="unknown metric"):
        estimator(metric="accuracy")


def test_one_seed() -> None:
    more = ReferenceTable(TABLE.header, (*TABLE.runs, run(OTHER, 1, 0.2, 0.3, 0.4, 0.9)))
    both = TableEstimator(more, SPACE).score([Trial("a", OTHER)])[0]
    one = TableEstimator(more, SPACE, seed=1).score([Trial("a", OTHER)])[0]
    assert both.value == pytest.approx(0.8) and both.cost_seconds == 80.0
    assert one.value == 0.9 and one.cost_seconds == 40.0


def test_curves_up_to_the_budget_are_there() -> None:
    both, one, all_of_it = estimator().score([Trial("a", SAME[0], budget=2), Trial("b", OTHER, 3), Trial("c", OTHER)])
    assert both.extra["curve"] == {
        "epochs": [1, 2],
        "val_loss": pytest.approx([0.8, 0.7]),
        "val_accuracy": pytest.approx([0.2, 0.3]),
    }
    assert one.extra["curve"]["val_accuracy"] == [0.2, 0.3, 0.4] and len(all_of_it.extra["curve"]["epochs"]) == 4


def test_table_without_curves_and_seconds() -> None:
    bare = ReferenceTable(TABLE.header, (Run(SPACE.format(OTHER), 0, test_accuracy=0.5),))
    score = TableEstimator(bare, SPACE, metric="test_accuracy").score([Trial("a", OTHER)])[0]
    assert (score.value, score.cost_seconds, score.budget) == (0.5, 0.0, None)
    failed = TableEstimator(bare, SPACE, metric="test_accuracy").score([Trial("a", OTHER, budget=1)])[0]
    assert "looked up in no epochs" in str(failed.error)


def test_a_table_without_the_metric_names_those_that_it_has() -> None:
    bare = ReferenceTable(TABLE.header, (Run(SPACE.format(OTHER), 0, val_loss=(0.5,), test_accuracy=0.5),))
    with pytest.raises(DataError, match=r"has val_accuracy(.|\n)*'val_loss', 'test_accuracy'(.|\n)*metric='val_loss'"):
        TableEstimator(bare, SPACE)


def test_table_of_another_space() -> None:
    foreign = ReferenceTable(TableHeader("darts", "cifar10"))
    with pytest.raises(DataError, match="its space differs"):
        TableEstimator(foreign, SPACE)


def test_recorded_scores_are_shared_by_equal_functions() -> None:
    scores = {SPACE.format(SAME[0]): Score(0.7, 1.0), SPACE.format(OTHER): Score(0.2, 3.0)}
    recorded = Recorded(scores, SPACE, source="a paper", mean_cost=True)
    found = recorded.score([Trial("a", SAME[1]), Trial("b", SPACE.format(SAME[1])), Trial("c", SAME[0])])
    assert [s.value for s in found] == [0.7] * 3 and [s.cost_seconds for s in found] == [2.0] * 3
    missing = recorded.score([Trial("d", ABSENT)])[0]
    assert not missing.ok and missing.error == "no score was recorded for this architecture"
    assert isinstance(recorded, Estimator) and recorded.source == "a paper"


def test_recorded_scores_without_a_space_are_those_of_equal_architectures_alone() -> None:
    recorded = Recorded({SAME[0]: Score(0.7, 1.0), OTHER: Score.failed("no")}, identity={"weights": "abc"})
    first, other, failed = recorded.score([Trial("a", SAME[0]), Trial("b", SAME[1]), Trial("c", OTHER)])
    assert first == Score(0.7, 1.0) and not other.ok and failed.error == "no"
    digest = recorded.identity["scores"]
    assert recorded.identity == {"recorded": "scores computed beforehand", "weights": "abc", "scores": digest}
    assert digest != Recorded({SAME[0]: Score(0.7, 1.0), OTHER: Score(0.1)}).identity["scores"]
    assert digest == Recorded({OTHER: Score.failed("no"), SAME[0]: Score(0.7, 1.0)}).identity["scores"]


def test_recorded_scores_need_scores() -> None:
    with pytest.raises(DataError, match="no recorded scores"):
        Recorded({}, SPACE)
