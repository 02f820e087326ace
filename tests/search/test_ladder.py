"""The ladder on simulated trainings: the embedded references, 96 networks of 20 epochs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from doubles import Double

from ghn.analysis.correction import Population
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, EstimatorError
from ghn.graph import count_params, simplify
from ghn.scoring.combined import Ensemble
from ghn.scoring.crossfit import CrossFitted
from ghn.scoring.racing import has_left
from ghn.search.costs import Bound, make_cost
from ghn.search.ladder import Ladder, LadderResult, LadderStep
from ghn.search.plan import cost_line, pilot_correlation
from ghn.spaces import NASBench201
from ghn.spaces.members import live_params
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.types import Score, Trial

SPACE = NASBench201((3, 16, 16), 10, width=8, depth=1)
TABLE = ReferenceTable.load(asset(EMBEDDED))
POOL = [SPACE.parse(arch) for arch in TABLE.archs()]


class Size(Double):
    """Counts parameters, at a second each; fails where it is told to."""

    def __init__(self, fails: frozenset[Any] = frozenset()) -> None:
        self.fails, self.asked = fails, 0

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        self.asked += len(trials)
        return [
            Score.failed("it does not work", 1.0)
            if t.arch in self.fails
            else Score(float(np.log(count_params(simplify(SPACE.network(t.arch).graph)))), 1.0)
            for t in trials
        ]


class Other(Size):
    """Another estimator, which would score alike."""


def steps(size: Size | None = None) -> list[LadderStep]:
    table = TableEstimator(TABLE, SPACE, seed=0)
    training = [LadderStep(f"{epochs} epochs", table, epochs, "training") for epochs in (3, 8, 20)]
    return [LadderStep("size", size or Size()), *training]


def ladder(seconds: float = 2500.0, size: Size | None = None, **options: Any) -> Ladder:
    return Ladder(SPACE, steps(size), seconds=seconds, pool=POOL, progress=False, **options)


@pytest.mark.parametrize("seed", range(5))
def test_the_budget_is_kept_and_used(seed: int) -> None:
    result = ladder(seed=seed).run()
    assert 0.8 * 2500 < result.spent <= 2500 and result.spent == pytest.approx(result.history[-1][3])
    assert result.spent == pytest.approx(sum(score.cost_seconds for _, _, score, _ in result.history))
    last = [score.value for name, _, score, _ in result.history if name == "20 epochs"]
    assert result.score is not None and result.score.value == max(last)
    assert result.judged["size"] > result.judged["20 epochs"] >= 9  # the pilot, and at least one more


def test_it_finds_better_networks_than_as_many_seconds_of_training_random_ones() -> None:
    truth = {arch: run.val_accuracy[-1] for arch, run in ((r.arch, r) for r in TABLE.runs if r.seed == 0)}
    ours, random = [], []
    for seed in range(8):
        result = ladder(seed=seed, pilot=4, seconds=1500.0).run()
        assert result.best is not None
        ours.append(truth[result.best])
        drawn = np.random.default_rng(seed).permutation(list(truth.values()))
        random.append(drawn[: int(1500 / 93)].max())
    assert np.mean(ours) > np.mean(random)


def test_a_second_run_goes_on_with_what_is_there(tmp_path: Path) -> None:
    first_size, again_size = Size(), Size()
    first = ladder(size=first_size, folder=tmp_path).run()
    again = ladder(size=again_size, folder=tmp_path).run()
    assert again.history == first.history and first_size.asked == first.judged["size"] and again_size.asked == 0
    with pytest.raises(DataError, match="other settings: estimator differ"):
        ladder(size=Other(), folder=tmp_path).run()


class Learnt(Size):
    """As the size says, moved by the mean of what it was told."""

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        self.moved = float(np.mean([score.value for _, score in history]))


def test_cross_fitted_steps_with_other_references_are_refused(tmp_path: Path) -> None:
    def climb(folds: int = 5, known: int = 20) -> LadderResult:
        learnt = CrossFitted(Learnt, SPACE, folds)
        learnt.fit([(Trial(str(i), arch), Score(i / 10)) for i, arch in enumerate(POOL[:known])])
        first = [LadderStep("learnt", learnt), *steps()[1:]]
        return Ladder(SPACE, first, seconds=2500.0, pool=POOL, progress=False, folder=tmp_path).run()

    first = climb()
    assert climb().history == first.history
    with pytest.raises(DataError, match=r"estimator differ(.|\n)*'folds': 5(.|\n)*'folds': 4"):
        climb(folds=4)
    with pytest.raises(DataError, match=r"estimator differ(.|\n)*'number': 20(.|\n)*'number': 21"):
        climb(known=21)


class Raising(Size):
    """Raises for some candidates."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if trials[0].arch in self.fails:
            raise RuntimeError("shapes do not fit")
        return super().score(trials)


def test_what_is_raised_for_a_candidate_is_its_failure(tmp_path: Path) -> None:
    result = ladder(size=Raising(frozenset(POOL[::3])), folder=tmp_path).run()
    failed = [score.error for name, _, score, _ in result.history if name == "size" and not score.ok]
    assert result.failed["size"] == len(failed) > 5 and set(failed) == {"RuntimeError: shapes do not fit"}
    again = ladder(size=Raising(frozenset(POOL[::3])), folder=tmp_path).run()
    assert list(map(repr, again.history)) == list(map(repr, result.history))


def test_an_estimator_that_is_broken_ends_the_ladder_which_can_be_gone_on_with(tmp_path: Path) -> None:
    whole = ladder().run()
    pilot = [SPACE.parse(text) for _, text, *_ in whole.history[:8]]
    with pytest.raises(EstimatorError, match=r"3 candidates in a row(.|\n)*shapes do not fit"):
        ladder(size=Raising(frozenset(POOL) - {*pilot}), folder=tmp_path, give_up_after=3).run()
    with pytest.raises(ConfigError, match=r"size can judge no candidate(.|\n)*shapes do not fit"):
        ladder(size=Raising(frozenset(POOL)), folder=tmp_path / "other").run()
    assert ladder(folder=tmp_path, size=Raising()).run().history == whole.history  # mended


def test_failures_are_counted_and_go_no_further() -> None:
    fails = frozenset(POOL[::3])
    result = ladder(size=Size(fails)).run()
    failed = {text for name, text, score, _ in result.history if name == "size" and not score.ok}
    pilot = {text for name, text, *_ in result.history[:8]}
    later = {text for name, text, *_ in result.history if name != "size"}
    assert result.failed["size"] == len(failed) > 5 and failed & later <= pilot


def test_candidates_outside_the_bounds_are_never_judged() -> None:
    sizes = sorted(live_params(SPACE, arch) for arch in POOL)
    bound = Bound(make_cost("params", SPACE), most=sizes[len(sizes) // 2])
    climbing = ladder(bounds=[bound])
    found = climbing.run()
    assert climbing.refused == sum(size > bound.most for size in sizes) > 0
    assert all(live_params(SPACE, text) <= bound.most for _, text, _, _ in found.history)
    with pytest.raises(ConfigError, match=r"(?s)within the bounds: params of at most 1.*0 of.*params from"):
        ladder(bounds=[Bound(make_cost("params", SPACE), most=1)])


def test_what_does_not_fit() -> None:
    with pytest.raises(ConfigError, match=r"does not pay for the pilot(.|\n)*8 epochs"):
        ladder(seconds=200.0).run()
    with pytest.raises(ConfigError, match="seconds must be a number above 0"):
        ladder(seconds=0.0)
    for wrong in ({"pilot": "a"}, {"seconds": "a"}, {"seed": "a"}, {"seed": -1}):
        with pytest.raises(ConfigError, match=f"a ladder: {next(iter(wrong))} must be"):
            ladder(**wrong)
    with pytest.raises(ConfigError, match="a list of LadderStep"):
        Ladder(SPACE, ["ghn"], seconds=1.0)  # type: ignore[list-item]
    with pytest.raises(ConfigError, match="no space of architectures"):
        Ladder(None, steps(), seconds=1.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="pilot is too small"):
        ladder(pilot=2)
    with pytest.raises(ConfigError, match="no more candidates than the pilot"):
        Ladder(SPACE, steps(), seconds=1.0, pool=POOL[:8])
    with pytest.raises(ConfigError, match="at least two steps of different names"):
        Ladder(SPACE, [LadderStep("a", Size()), LadderStep("a", Size())], seconds=1.0)


def test_correlations_of_a_small_pilot_are_cautious() -> None:
    rising = np.arange(8.0)
    found = pilot_correlation(np.stack([rising, rising, -rising, np.full(8, np.nan)]))
    assert found[0, 0] == 1 and 0.8 < found[0, 1] < 0.9
    assert -0.4 < found[0, 2] < 0 and found[0, 3] == 0.6


def test_costs_are_foreseen_from_size_only_where_they_follow_it() -> None:
    assert cost_line([(1.0, 2.0), (4.0, 2.0)])(100.0) == pytest.approx(2.0)
    assert cost_line([(1.0, 2.0), (4.0, 8.0)])(10.0) == pytest.approx(20.0)
    seen = [(1.0, 3.0), (2.0, 4.0), (2.0, 6.0), (3.0, 6.0)]
    assert all(cost_line(seen)(size) >= seconds for size, seconds in seen)
    assert cost_line([(1.0, 0.0)])(5.0) == 0.0


@cache
def log_size(arch: Any) -> float:
    return float(np.log(live_params(SPACE, arch)))


class Reading(Double):
    """A reading of a combined order: the size, blurred by a random number of each network."""

    def __init__(self, blur: float, seconds: float) -> None:
        self.blur, self.seconds, self.asked = blur, seconds, 0

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        self.asked += len(trials)
        numbers = {t.arch: Random(SPACE.format(t.arch)).gauss(0, self.blur) for t in trials}
        return [Score(log_size(t.arch) + numbers[t.arch], self.seconds) for t in trials]


class Truth(Double):
    """A training that costs much, and finds large networks best."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [Score(log_size(t.arch), 100.0) for t in trials]


def test_a_first_step_of_several_readings_is_a_race(tmp_path: Path) -> None:
    pool = Random(0).sample(SPACE.distinct(), 160)
    usual = Population.of({f"{name}/value": np.linspace(8, 12, 50) for name in ("cheap", "dear")})

    def climb() -> tuple[LadderResult, Ensemble]:
        panel = Ensemble(SPACE, {"cheap": Reading(0.3, 1.0), "dear": Reading(0.1, 9.0)}, population=usual)
        made = [LadderStep("panel", panel), LadderStep("training", Truth())]
        whole = Ladder(SPACE, made, seconds=4000.0, pool=pool, pilot=6, folder=tmp_path, progress=False)
        return whole.run(), panel

    result, panel = climb()
    assert result.spent <= 4000 and result.judged["panel"] == 160 and result.judged["training"] > 15
    first = [score for step, _, score, _ in result.history if step == "panel"]
    assert sum(map(has_left, first)) > 40 and panel.members["dear"].asked < 120  # type: ignore[attr-defined]
    assert result.best is not None
    assert log_size(SPACE.parse(result.best)) >= max(map(log_size, pool)) - 0.1
    again, panel = climb()  # nothing is read again
    assert again.history == result.history and panel.members["cheap"].asked == 0  # type: ignore[attr-defined]
