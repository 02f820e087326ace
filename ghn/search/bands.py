"""Several objectives for any searcher: the range of a cost is cut in bands, and each is searched for its best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf
from random import Random
from typing import Any

import numpy as np

from ghn.errors import ConfigError, GhnError
from ghn.search.basic import OneByOne, as_raisable
from ghn.search.costs import Bound, Cost
from ghn.spaces.members import TRIES
from ghn.types import Arch, Bracketed, Inherits, Score, Searcher, Space, Trial

DRAWN = 64  # random networks that tell how a cost is spread


class BandSearch(OneByOne[Arch]):
    """A searcher a band of cost, asked in turn; the best of all bands are the trade-offs between score and cost.

    The edges of the bands are quantiles of the cost of random networks, so that each holds as much of the space. What a
    band's searcher is told are the scores of its own trials as they are, in whatever unit: any searcher will do. A
    trial keeps the rest of its id, such as the budget of a rung.

    Source: the epsilon-constraint method: Haimes, Lasdon & Wismer, "On a Bicriterion Formulation of the Problems of
    Integrated System Identification and System Optimization", 1971; niches that are searched side by side: Mouret &
    Clune, "Illuminating Search Spaces by Mapping Elites", 2015.

    Args:
        make: makes the searcher of a band from its number and bounds.
        space: of the architectures.
        cost: whose range is cut.
        bands: how many.
        bounds: that all networks keep.
        seed: of the random networks.

    Raises:
        ConfigError: fewer than two bands, or costs that do not differ enough for as many.
    """

    def __init__(
        self,
        make: Callable[[int, list[Bound]], Searcher[Arch]],
        space: Space[Arch],
        cost: Cost,
        *,
        bands: int = 4,
        bounds: Sequence[Bound] = (),
        seed: int = 0,
    ) -> None:
        super().__init__()
        if bands < 2:
            raise ConfigError("a cost is cut in bands", got=f"bands={bands}", expected="at least 2")
        edges = [-inf, *_edges(space, cost, bands, bounds, seed), inf]
        own = [Bound(cost, most, above) for above, most in pairwise(edges)]
        self.searchers = [make(number, [*bounds, bound]) for number, bound in enumerate(own)]
        self.source = f"{self.searchers[0].source}; bands: Haimes et al. 1971; Mouret & Clune 2015"
        self.identity = {
            "searcher": "bands",
            "bands": [bound.identity for bound in own],
            "inner": self.searchers[0].identity,
        }
        self._turn = 0
        self._numbers: dict[tuple[int, str], int] = {}  # of candidates, by band and their own id
        self._own: dict[str, tuple[int, Trial[Arch]]] = {}  # band and trial of its searcher, by id here
        self._ids: dict[tuple[int, str], str] = {}  # the inverse

    @property
    def inherits(self) -> bool:
        return any(isinstance(one, Inherits) and one.inherits for one in self.searchers)

    def bracket_of(self, trial: Trial[Arch]) -> int | None:
        band, own = self._own[trial.id]
        searcher = self.searchers[band]
        return searcher.bracket_of(own) if isinstance(searcher, Bracketed) else None

    def band_of(self, trial: Trial[Arch]) -> int:
        """The number of the band of a trial that was asked for, the cheapest is 0."""
        return self._own[trial.id][0]

    @property
    def max_budget(self) -> float:
        return as_raisable(self.searchers[0]).max_budget

    def raise_budget(self, max_budget: float) -> None:
        for searcher in self.searchers:
            as_raisable(searcher).raise_budget(max_budget)

    def _next(self) -> Trial[Arch] | None:
        for i in range(len(self.searchers)):
            band = (self._turn + i) % len(self.searchers)
            for own in self.searchers[band].ask(1):
                self._turn = band + 1
                return self._renamed(band, own)
        return None

    def _renamed(self, band: int, own: Trial[Arch]) -> Trial[Arch]:
        """A trial of a band's searcher with an id that no other band's has."""
        head, at, rest = own.id.partition("@")
        number = self._numbers.setdefault((band, head), len(self._numbers))
        resume = None if own.resume is None else self._ids[band, own.resume]
        trial = Trial(f"{number}{at}{rest}", own.arch, own.budget, resume)
        self._own[trial.id], self._ids[band, own.id] = (band, own), trial.id
        return trial

    def _learn(self, trial: Trial[Arch], score: Score) -> None:
        band, own = self._own[trial.id]
        self.searchers[band].tell(own, score)


def _edges(space: Space[Any], cost: Cost, bands: int, bounds: Sequence[Bound], seed: int) -> list[float]:
    """Where the bands meet: quantiles of the cost of random networks within the bounds."""
    rng, found = Random(seed), list[float]()
    for _ in range(TRIES):
        arch = space.sample(rng)
        try:
            if all(bound.holds(arch) for bound in bounds):
                found.append(cost(arch))
        except GhnError:
            continue
        if len(found) == DRAWN:
            break
    if len(set(found)) < bands:
        raise ConfigError(
            f"the {cost.name} of networks do not differ enough for {bands} bands",
            got=f"{len(set(found))} different among {len(found)} random networks within the bounds",
            fix="fewer bands, another objective, or wider bounds",
        )
    edges = np.quantile(found, np.arange(1, bands) / bands, method="lower").tolist()
    distinct = sorted(set(edges) - {max(found)})
    return [float(edge) for edge in distinct]
