"""The recorded curves that the tests of schedulers run on: 96 networks, 20 epochs each."""

from __future__ import annotations

from functools import cache
from typing import Any

from ghn.assets import asset
from ghn.search import ListSearch
from ghn.spaces import make_space
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.types import Score, Searcher, Space, Trial


@cache
def table() -> ReferenceTable:
    return ReferenceTable.load(asset(EMBEDDED))


@cache
def space() -> Space[Any]:
    return make_space("nasbench201", **table().header.skeleton)


def estimator(metric: str = "val_loss") -> TableEstimator:
    """By default with the loss, in which no two networks tie."""
    return TableEstimator(table(), space(), metric=metric, seed=0)


def archs(n: int = 96) -> list[str]:
    return table().archs()[:n]


def candidates(n: int = 96, seed: int | None = None) -> ListSearch[str]:
    return ListSearch(archs(n), seed)


def curve(arch: str) -> list[float]:
    """Values after each epoch, higher is better."""
    return [-loss for run in table().of(arch) if run.seed == 0 for loss in run.val_loss]


def run_all(searcher: Searcher[Any]) -> list[tuple[Trial[Any], Score]]:
    """Runs a searcher on the table, one trial at a time."""
    judge, done = estimator(), []
    while trials := searcher.ask():
        score = judge.score(trials)[0]
        searcher.tell(trials[0], score)
        done.append((trials[0], score))
    return done
