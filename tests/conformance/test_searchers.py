"""Every searcher joins with one line."""

from collections.abc import Sequence
from typing import Any

import pytest
import toy
from doubles import Double

from conformance.searcher import SEARCHER_CHECKS, value
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.search import (
    ASHA,
    BandSearch,
    BayesianSearch,
    Bound,
    Constrained,
    Cost,
    Hyperband,
    Lemonade,
    ListSearch,
    LocalSearch,
    ProgressiveSearch,
    RandomSearch,
    RegularizedEvolution,
    Screened,
    SuccessiveHalving,
)
from ghn.types import Score, Trial

SPACE = toy.SPACE


class Oracle(Double):
    """A cheap estimator that is always right."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [Score(value(trial)) for trial in trials]


class Learner(Oracle):
    """The same, which first wants to have seen something."""

    least = 5


def random():
    return RandomSearch(SPACE, 1)


def evolution(**settings: Any):
    return RegularizedEvolution(SPACE, 1, population=10, sample=3, **settings)


def bayesian():
    return BayesianSearch(SPACE, 1, judge=Learner(), batch=10, first=7, pool=10)


CONVOLUTIONS = Cost("convolutions", SPACE, lambda arch: 1 + sum(op.startswith("nor") for op in arch))
MOST = [Bound(CONVOLUTIONS, most=3)]


def band(number: int, bounds: list[Bound]):
    return Constrained(RegularizedEvolution(SPACE, number, population=10, sample=3), bounds)


def band_of_hyperband(number: int, bounds: list[Bound]):
    return Hyperband(Constrained(RandomSearch(SPACE, number), bounds), **RUNGS)


RUNGS = {"min_budget": 1, "max_budget": 9}
SEARCHERS = {
    "list": lambda: ListSearch(list(SPACE)[::100], 1),
    "random": random,
    "random, with a budget": lambda: RandomSearch(SPACE, 1, budget=3, distinct=False),
    "evolution": evolution,
    "evolution, distinct": lambda: evolution(distinct=True),
    "successive halving": lambda: SuccessiveHalving(random(), n=20, **RUNGS),
    "successive halving of evolution": lambda: SuccessiveHalving(evolution(), n=20, **RUNGS),
    "successive halving of a short list": lambda: SuccessiveHalving(ListSearch(list(SPACE)[:13]), n=50, **RUNGS),
    "hyperband": lambda: Hyperband(random(), **RUNGS),
    "hyperband, for ever": lambda: Hyperband(random(), rounds=None, **RUNGS),
    "hyperband of a list, for ever": lambda: Hyperband(ListSearch(list(SPACE)[::200]), rounds=None, **RUNGS),
    "ASHA": lambda: ASHA(random(), **RUNGS),
    "ASHA of a list": lambda: ASHA(ListSearch(list(SPACE)[::200]), eta=2, **RUNGS),
    "PNAS": lambda: ProgressiveSearch(SPACE, 1, beam=8, surrogate=SurrogateEstimator(SPACE, model="ridge")),
    "LEMONADE": lambda: Lemonade(SPACE, 1, founders=6, proposals=12, children=4),
    "LEMONADE, multiply-adds": lambda: Lemonade(
        SPACE, 1, founders=3, proposals=5, children=5, objective="macs", budget=2
    ),
    "local search": lambda: LocalSearch(SPACE, 1),
    "local search, several starts": lambda: LocalSearch(SPACE, 1, starts=5, budget=2),
    "Bayesian": bayesian,
    "hyperband of Bayesian": lambda: Hyperband(bayesian(), **RUNGS),
    "constrained": lambda: Constrained(evolution(), MOST),
    "constrained local search": lambda: Constrained(LocalSearch(SPACE, 1), MOST),
    "ASHA of constrained": lambda: ASHA(Constrained(random(), MOST), **RUNGS),
    "bands of evolution": lambda: BandSearch(band, SPACE, CONVOLUTIONS, bands=3),
    "bands of hyperband": lambda: BandSearch(band_of_hyperband, SPACE, CONVOLUTIONS, bands=2),
    "screened": lambda: Screened(random(), Oracle(), 4, refit=5),
    "screened evolution": lambda: Screened(evolution(), Oracle(), 4),
    "hyperband of screened": lambda: Hyperband(Screened(random(), Oracle(), 4), **RUNGS),
}


@pytest.mark.parametrize("make", SEARCHERS.values(), ids=SEARCHERS)
@pytest.mark.parametrize("check", SEARCHER_CHECKS, ids=lambda c: c.__name__)
def test_searcher(check, make):
    check(make, SPACE)
