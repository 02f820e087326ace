"""Bayesian search: batches that a surrogate chooses, and is told of."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
import toy
from doubles import Double

from ghn.errors import ConfigError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.search import BayesianSearch, Limit, RandomSearch, run_search
from ghn.types import Score, Trial

SPACE = toy.SPACE


def truth(arch: Any) -> float:
    return sum((i + 1) * op.startswith("nor") for i, op in enumerate(arch)) - arch.count("none")


class Truth(Double):
    def score(self, trials: Any) -> list[Score]:
        return [Score(float(truth(t.arch))) for t in trials]


class Learner(Double):
    """Knows the truth but for a little, once it has seen three others; keeps how many it was shown."""

    least = 3

    def __init__(self) -> None:
        self.seen: list[int] = []

    def fit(self, history: Any) -> None:
        self.seen.append(len(history))

    def score(self, trials: Any) -> list[Score]:
        return [Score(truth(t.arch) + Random(str(t.arch)).gauss(0, 1), std=1.0) for t in trials]


def values(searcher: Any, trials: int, **options: Any) -> list[float]:
    done = run_search(searcher, Truth(), limit=Limit(trials=trials), progress=False, **options)
    return [score.value for _, score in done.history]


def test_it_finds_better_networks_than_random_search() -> None:
    def search(seed: int) -> BayesianSearch[Any]:
        return BayesianSearch(SPACE, seed, judge=SurrogateEstimator(SPACE, model="ridge"), batch=4, pool=64)

    own = [values(search(seed), 28)[12:] for seed in range(2)]
    other = [values(RandomSearch(SPACE, seed), 28)[12:] for seed in range(2)]
    assert min(map(np.mean, own)) > max(map(np.mean, other)) + 1  # it learns from its own trainings alone


def test_a_batch_is_chosen_at_once_and_waits_for_nobody() -> None:
    judge = Learner()
    searcher = BayesianSearch(SPACE, 0, judge=judge, batch=4, first=5, pool=20)
    first = searcher.ask(5)
    for trial in first[:4]:
        searcher.tell(trial, Score(truth(trial.arch)))
    batch = searcher.ask(4)
    assert judge.seen[0] == 4  # what is known is learnt before a batch is chosen; then what is believed of others
    assert len({SPACE.canonical(t.arch) for t in (*first, *batch)}) == 9
    assert np.mean([truth(t.arch) for t in batch]) > np.mean([truth(t.arch) for t in first])
    searcher.tell(first[4], Score.failed("it broke"))
    assert len(searcher.ask(7)) == 7 and searcher.surrogate.observed.keys() == {SPACE.format(t.arch) for t in first[:4]}


def test_only_what_is_allowed_is_read() -> None:
    def few(arch: Any) -> bool:
        return arch.count("none") == 0

    class Strict(Learner):
        def score(self, trials: Any) -> list[Score]:
            assert all(few(t.arch) for t in trials)
            return super().score(trials)

    searcher = BayesianSearch(SPACE, 0, judge=Strict(), batch=3, first=3, pool=20)
    searcher.narrow(few)
    for _ in range(4):
        for trial in searcher.ask(3):
            assert few(trial.arch)
            searcher.tell(trial, Score(truth(trial.arch)))
    searcher.narrow(lambda arch: False)
    assert searcher.ask(3) == []


def test_killed_and_resumed_it_gives_the_trials_of_one_that_was_not(tmp_path: Any) -> None:
    def run(trials: int, folder: str, **options: Any) -> list[Trial[Any]]:
        searcher = BayesianSearch(SPACE, 3, judge=Learner(), batch=4, pool=12)
        done = run_search(
            searcher, Truth(), limit=Limit(trials=trials), folder=tmp_path / folder, progress=False, **options
        )
        return [trial for trial, _ in done.history]

    run(14, "a")
    assert run(19, "a", resume=True) == run(19, "b")


@pytest.mark.parametrize("wrong", [{"batch": 0}, {"batch": 2.5}, {"first": -1}, {"pool": 3}, {"by": "luck"}])
def test_wrong_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"Bayesian|expected_improvement"):
        BayesianSearch(SPACE, judge=Learner(), **wrong)
