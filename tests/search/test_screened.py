"""A cheap estimator in front of a searcher's proposals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import toy
from doubles import Double

from ghn.errors import ConfigError, EstimatorError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.search import RandomSearch, RegularizedEvolution, Screened
from ghn.types import Score, Trial


class Convs(Double):
    """Likes convolutions; cannot judge cells that begin with a pooling."""

    def __init__(self) -> None:
        self.fitted: list[int] = []

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        assert all(score.ok for _, score in history)
        self.fitted.append(len(history))

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [
            Score.failed("no pooling, please", 0.5)
            if t.arch[0] == "avg_pool_3x3"
            else Score(sum(op.startswith("nor_conv") for op in t.arch), 0.5)
            for t in trials
        ]


def test_the_liked_ones_of_the_proposals_are_handed_on() -> None:
    proposals = RandomSearch(toy.SPACE, 0).ask(40)
    values = [score.value if score.ok else -1 for score in Convs().score(proposals)]
    searcher = Screened(RandomSearch(toy.SPACE, 0), Convs(), 20)
    chosen = searcher.ask(2)
    assert sorted(values, reverse=True)[:2] == sorted((values[proposals.index(t)] for t in chosen), reverse=True)
    assert searcher.cost_seconds == 20
    alone = [values[20 * i + max(range(20), key=lambda j: values[20 * i + j])] for i in range(2)]
    one = Screened(RandomSearch(toy.SPACE, 0), Convs(), 20)
    assert [values[proposals.index(one.ask()[0])] for _ in range(2)] == alone


def test_what_was_screened_out_is_no_parent_and_fills_no_population() -> None:
    searcher = Screened(RegularizedEvolution(toy.SPACE, 0, population=4, sample=4), Convs(), 8)
    good = []
    for i in range(12):
        (trial,) = searcher.ask()
        assert i < 4 or any(trial.arch in set(toy.SPACE.neighbours(arch)) for arch in good[-4:])
        good.append(trial.arch)
        searcher.tell(trial, Score(0.5))


def test_the_estimator_is_fitted_to_successes_when_it_is_time() -> None:
    judge = Convs()
    searcher = Screened(RandomSearch(toy.SPACE, 0), judge, 2, refit=3)
    for i in range(14):
        (trial,) = searcher.ask()
        searcher.tell(trial, Score.failed("it broke") if i % 2 else Score(0.1 * i))
    assert judge.fitted == [3, 6]


class Raising(Convs):
    """Raises where the other fails; or always."""

    def __init__(self, *, always: bool = False) -> None:
        super().__init__()
        self.always = always

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        if self.always or any(not score.ok for score in super().score(trials)):
            raise RuntimeError("no pooling, please")
        return super().score(trials)


def test_proposals_for_which_the_estimator_raises_are_liked_least() -> None:
    chosen = Screened(RandomSearch(toy.SPACE, 0), Raising(), 20).ask(2)
    assert chosen == Screened(RandomSearch(toy.SPACE, 0), Convs(), 20).ask(2)
    with pytest.raises(EstimatorError, match=r"20 candidates in a row(.|\n)*no pooling, please"):
        Screened(RandomSearch(toy.SPACE, 0), Raising(always=True), 20).ask(2)


def test_the_estimator_is_not_fitted_to_fewer_references_than_it_needs() -> None:
    surrogate = SurrogateEstimator(toy.SPACE, model="ridge", least=10)
    surrogate.fit([(Trial(str(i), a), Score(i / 20)) for i, a in enumerate(list(toy.SPACE.distinct())[:20])])
    before, searcher = surrogate.identity, Screened(RandomSearch(toy.SPACE, 0), surrogate, 2, refit=4)
    for i in range(12):
        assert (surrogate.identity == before) == (i < 12)
        (trial,) = searcher.ask()
        searcher.tell(trial, Score(0.1 * i))
    assert surrogate.identity != before  # 4 and 8 were too few


@pytest.mark.parametrize("settings", [{"factor": 1}, {"factor": 4, "refit": 0}])
def test_senseless_settings(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="screening"):
        Screened(RandomSearch(toy.SPACE, 0), Convs(), **settings)
