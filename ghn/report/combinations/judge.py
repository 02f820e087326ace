"""How well a set of estimators orders: on development networks to choose, on report networks to tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np

from ghn.estimators.correction import Settings, correct, normal_ranks
from ghn.estimators.population import Population
from ghn.ranking import Ranking, kendall, mean_ranking, rank
from ghn.ranking.weighted import Floats

Set = tuple[int, ...]  # indices of members, rising


class Judge:
    """Sets of estimators with one number of references, each judged once.

    Without references a set is the mean of its members' normal scores. With references it is that plus what a Gaussian
    process corrects (`ghn.estimators.correction`). Both are what the estimator `ensemble` does. The population that
    normal scores refer to are the development networks; so are the references.

    Args:
        development: scores [n, members], finite.
        reference: [n] measured values.
        report: scores [m, members], finite.
        references: how many are given.
        draws: of the references.
        seed: of the draws.
    """

    def __init__(
        self, development: Floats, reference: Floats, report: Floats, references: int, draws: int, seed: int
    ) -> None:
        self.references = references
        columns = {str(i): column for i, column in enumerate(development.T)}
        population = Population.of(columns)
        self._raw, self._reference, self._raw_report = development, reference, report
        self._normal, self._normal_report = (
            np.stack([population.normal_scores(name, values[:, int(name)]) for name in columns], 1)
            for values in (development, report)
        )
        orders = (np.random.default_rng([seed, draw, references]).permutation(len(reference)) for draw in range(draws))
        self._draws = [(order[:references], order[references:]) for order in orders] if references else []
        self._settings = Settings()
        self.known: dict[Set, float] = {}  # Kendall on development networks
        self._rankings: dict[Set, Ranking] = {}
        self.spreads: dict[Set, float | None] = {}

    def development(self, members: Set) -> float:
        """Kendall's tau on development networks that are not among the references, mean over draws; 0 if undefined."""
        if members not in self.known:
            if not self._draws:
                found = [kendall(self._plain(members, self._raw, self._normal), self._reference)]
            else:
                found = [
                    kendall(self._corrected(members, given, self._normal[rest]), self._reference[rest])
                    for given, rest in self._draws
                ]
            self.known[members] = float(np.mean([value or 0.0 for value in found]))
        return self.known[members]

    def report(self, members: Set, reference: Floats, bootstrap: int, seed: int) -> Ranking:
        """The ranking of the report networks, mean over draws; nothing is chosen by it."""
        if members not in self._rankings:
            estimates = [self._corrected(members, given, self._normal_report) for given, _ in self._draws]
            estimates = estimates or [self._plain(members, self._raw_report, self._normal_report)]
            found = [rank(one, reference, ks=(), bootstrap=bootstrap, seed=seed) for one in estimates]
            values = [one["kendall"].value for one in found]
            known = [value for value in values if value is not None]
            self.spreads[members] = float(np.std(known)) if self._draws and known else None
            self._rankings[members] = mean_ranking(found)
        return self._rankings[members]

    def _plain(self, members: Set, raw: Floats, normal: Floats) -> Floats:
        if len(members) == 1:  # a normal score has one value for all that lies beyond the population
            return raw[:, members[0]]
        return normal[:, members].mean(1)

    def _corrected(self, members: Set, given: np.ndarray, new: Floats) -> Floats:
        known, new, values = self._normal[given][:, members], new[:, members], self._reference[given]
        sums = known.mean(1)
        settings = self._settings.told(sums, normal_ranks(values))
        return correct(known, sums, values, new, new.mean(1), settings)[0]


def all_sets(count: int, largest: int) -> list[Set]:
    """Every set of up to `largest` of so many members, the small ones first."""
    return [members for size in range(1, largest + 1) for members in combinations(range(count), size)]


def grow(value: Callable[[Set], float], members: Sequence[int], largest: int, least: float) -> Set:
    """Greedy forward selection: the best single member, then whichever raises the value most, by at least `least`.

    Source: Guyon & Elisseeff, "An Introduction to Variable and Feature Selection", JMLR 2003, sec. 4.2.

    Args:
        value: of a set.
        members: that may be chosen.
        largest: most of them.
        least: gain below which the selection ends.
    """
    chosen: Set = ()
    while len(chosen) < min(largest, len(members)):
        candidates = [tuple(sorted((*chosen, m))) for m in members if m not in chosen]
        best = max(candidates, key=value)
        if chosen and value(best) < value(chosen) + least:
            break
        chosen = best
    return chosen


def grow_at_costs(value: Callable[[Set], float], seconds: Mapping[int, float], largest: int, least: float) -> Set:
    """Greedy selection without a limit of cost, after one for each limit that a member's own cost draws.

    What is judged on the way is what a front can be made of. A limit holds for the sum of a set.
    """
    for limit in sorted(set(seconds.values())):

        def within(members: Set, limit: float = limit) -> float:
            return value(members) if sum(seconds[m] for m in members) <= limit * (1 + 1e-9) else -np.inf

        grow(within, [m for m in seconds if seconds[m] <= limit], largest, least)
    return grow(value, list(seconds), largest, least)
