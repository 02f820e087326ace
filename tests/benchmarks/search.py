"""What a searcher takes for itself: proposing, learning, and writing its history."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from ghn.search import ASHA, Hyperband, Limit, RandomSearch, RegularizedEvolution, SuccessiveHalving, run_search
from ghn.spaces import NASBench201
from ghn.types import Score, Searcher, Trial
from tests.benchmarks.measure import Figure, timed


class Free:
    """Judges at no cost."""

    source, identity = "a benchmark", {"estimator": "free"}

    def fit(self, history: Sequence[Any]) -> None:
        """Learns nothing."""

    def cost(self, arch: Any) -> None:
        """Nothing."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """A number that depends on the architecture."""
        return [Score(Random(str(t.arch)).random(), budget=t.budget) for t in trials]


def overhead(runs: int, trials: int) -> list[Figure]:
    """Milliseconds a trial of each searcher, its history on disk, with trials that cost nothing."""
    space = NASBench201((3, 32, 32), 10)
    makers: dict[str, Callable[[int], Searcher[Any]]] = {
        "random search": lambda seed: RandomSearch(space, seed),
        "evolution": lambda seed: RegularizedEvolution(space, seed),
        "successive halving": lambda seed: SuccessiveHalving(RandomSearch(space, seed), max_budget=27, n=trials),
        "Hyperband": lambda seed: Hyperband(RandomSearch(space, seed), max_budget=27, rounds=None),
        "ASHA": lambda seed: ASHA(RandomSearch(space, seed), max_budget=27),
    }
    out = []
    for name, make in makers.items():
        times = []
        for seed in range(runs):
            with tempfile.TemporaryDirectory() as folder:
                searcher, limit = make(seed), Limit(trials=trials)
                spent, _ = timed(
                    lambda s=searcher, f=folder, m=limit: run_search(s, Free(), limit=m, folder=f, progress=False)
                )
            times.append(1e3 * spent / trials)
        out.append(Figure.of(f"search: {name}", "ms/trial", times, target=2.0, note=f"{trials} trials, history synced"))
    return out
