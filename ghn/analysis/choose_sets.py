"""Which estimators to combine: sets chosen on development networks and reported on others, at a cost a candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
from tqdm import tqdm

from ghn.analysis.comparison import Versus
from ghn.analysis.correction import Population, Settings, View, correct, normal_ranks
from ghn.analysis.correlation import Ranking, difference, kendall, mean_ranking, rank
from ghn.analysis.front import pareto_front
from ghn.analysis.sets import (
    Combination,
    Combinations,
    Gain,
    Member,
    ScoreMatrix,
    check_matrices,
    check_search,
    common_scores,
    read_members,
    warnings_of,
)
from ghn.analysis.weighted import Floats

Set = tuple[int, ...]  # indices of members, rising
Networks = tuple[Floats, Floats]  # scores [n, members] and references [n], finite


class Judge:
    """Sets of estimators with one number of references, each judged once.

    Without references a set is the mean of its members' normal scores. With references it is that plus what a Gaussian
    process corrects (`ghn.analysis.correction`). Both are what the estimator `ensemble` does. The population that
    normal scores refer to are the development networks; so are the references.
    """

    def __init__(
        self, development: Networks, report: Networks, references: int, draws: int, bootstrap: int, seed: int
    ) -> None:
        self.references, self._bootstrap, self._seed = references, bootstrap, seed
        self._raw, self._reference = development
        self._raw_report, self._report_reference = report
        population = Population.of({str(i): column for i, column in enumerate(self._raw.T)})
        self._normal, self._normal_report = (
            np.stack([population.normal_scores(str(i), column) for i, column in enumerate(values.T)], 1)
            for values in (self._raw, self._raw_report)
        )
        n = len(self._reference)
        orders = (np.random.default_rng([seed, draw, references]).permutation(n) for draw in range(draws))
        self._draws = [(order[:references], order[references:]) for order in orders] if references else []
        self.known: dict[Set, float] = {}  # Kendall on development networks
        self._rankings: dict[Set, Ranking] = {}
        self.spreads: dict[Set, float | None] = {}

    def development(self, members: Set) -> float:
        """Kendall's tau on development networks that are not among the references, mean over draws; 0 if undefined."""
        if members not in self.known:
            found = [
                kendall(self._corrected(members, given, self._normal[rest]), self._reference[rest])
                for given, rest in self._draws
            ] or [kendall(self._plain(members, self._raw, self._normal), self._reference)]
            self.known[members] = float(np.mean([value or 0.0 for value in found]))
        return self.known[members]

    def report(self, members: Set) -> Ranking:
        """The ranking of the report networks, mean over draws; nothing is chosen by it."""
        if members not in self._rankings:
            estimates = [self._corrected(members, given, self._normal_report) for given, _ in self._draws]
            estimates = estimates or [self._plain(members, self._raw_report, self._normal_report)]
            options = {"bootstrap": self._bootstrap, "seed": self._seed}
            found = [rank(one, self._report_reference, ks=(), **options) for one in estimates]
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
        settings = Settings().told(sums, normal_ranks(values))
        view = View(known, new, np.zeros(len(members)))
        return correct([view], sums, values, new.mean(1), settings)[0]


def all_sets(count: int, largest: int) -> list[Set]:
    """Every set of up to `largest` of so many members, the small ones first."""
    return [members for size in range(1, largest + 1) for members in combinations(range(count), size)]


def grow(value: Callable[[Set], float], members: Sequence[int], largest: int, least: float) -> Set:
    """Greedy forward selection: the best single member, then whichever raises the value most, by at least `least`.

    Source: Guyon & Elisseeff, "An Introduction to Variable and Feature Selection", JMLR 2003, sec. 4.2.
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


def search_combinations(
    development: ScoreMatrix,
    report: ScoreMatrix,
    seconds: Mapping[str, float],
    *,
    one_off_seconds: Mapping[str, float] | None = None,
    paid_for: Mapping[str, str] | None = None,
    sizes: Sequence[int] = (0, 20, 50, 100),
    draws: int = 10,
    largest: int = 4,
    exhaustive_up_to: int = 12,
    least: float = 0.005,
    bootstrap: int = 300,
    seed: int = 0,
    reference_name: str = "reference",
    progress: bool = False,
) -> Combinations:
    """Searches sets of estimators for the best order at each cost, and tells how good they are on other networks.

    Every choice is made on the development networks: sets, their front of cost and order, and the references that a
    regression is given. The report networks only say how good the chosen sets are.

    Args:
        development: networks to choose on.
        report: other networks, with scores of the same estimators.
        seconds: {estimator: seconds a candidate}; 0 for what costs nothing.
        one_off_seconds: {estimator: seconds paid once}; shown beside, not part of the cost.
        paid_for: {estimator: name of what is paid once}, such as a checkpoint; a set pays once for those of one name.
        sizes: numbers of references given to the regression; 0 is the mean of normal scores.
        draws: of the references from the development networks.
        largest: most members of a set.
        exhaustive_up_to: so many estimators are combined in all ways; more by greedy selection alone, once for each
            limit of cost.
        least: development Kendall that a member must add in greedy selection, and a dearer set on the front.
        bootstrap: resamples behind the intervals.
        seed: of draws and resamples.
        reference_name: where the references come from.
        progress: whether to show a bar.

    Raises:
        DataError: estimators or lengths differ, references are missing or constant, networks are in both matrices,
            costs are missing, or fewer than two estimators or too few networks are left.
        ConfigError: a setting out of range.
    """
    check_matrices(development, report)
    members = read_members(development, report, seconds, one_off_seconds or {}, paid_for or {})
    usable = [member for member in members if member.set_aside is None]
    names = [member.name for member in usable]
    chosen_on, told_on = common_scores(development, names, "development"), common_scores(report, names, "report")
    check_search(sizes, draws, largest, least, len(chosen_on[1]))
    exhaustive = len(usable) <= exhaustive_up_to
    found: list[Combination] = []
    tried: dict[int, int] = {}
    for size in sorted(set(sizes)):
        judge = Judge(chosen_on, told_on, size, draws, bootstrap, seed)
        greedy = _search(judge, usable, min(largest, len(usable)), least, exhaustive=exhaustive, progress=progress)
        tried[size] = len(judge.known)
        found += _told(judge, usable, greedy, least, progress=progress)
    return Combinations(
        reference_name=reference_name,
        n_development_given=len(development),
        n_development=len(chosen_on[1]),
        n_report_given=len(report),
        n_report=len(told_on[1]),
        members=tuple(members),
        combinations=tuple(found),
        tried=tried,
        exhaustive=exhaustive,
        largest=largest,
        least=least,
        draws=draws,
        bootstrap=bootstrap,
        seed=seed,
        warnings=tuple(warnings_of(members, (len(chosen_on[1]), len(development)), (len(told_on[1]), len(report)))),
    )


def _search(
    judge: Judge, members: Sequence[Member], largest: int, least: float, *, exhaustive: bool, progress: bool
) -> Set:
    """Judges sets on development networks, single members in any case; returns where greedy selection ended."""
    sets = all_sets(len(members), largest if exhaustive else 1)
    for one in tqdm(sets, desc=f"{judge.references} references", unit="set", disable=not progress):
        judge.development(one)
    if exhaustive:
        return grow(judge.development, range(len(members)), largest, least)
    return grow_at_costs(judge.development, {i: m.seconds for i, m in enumerate(members)}, largest, least)


def _told(judge: Judge, members: Sequence[Member], greedy: Set, least: float, *, progress: bool) -> list[Combination]:
    """Single members and the sets chosen, cheapest first, with how well they order the report networks."""
    cost = {one: sum(members[i].seconds for i in one) for one in judge.known}
    front, best = set(_front(judge, cost, least)), _best_of_size(judge)
    shown = {one for one in judge.known if len(one) == 1} | front | best | {greedy}
    found = []
    bar = tqdm(sorted(shown, key=lambda one: (cost[one], one)), desc="report", unit="set", disable=not progress)
    for one in bar:
        ranking, names = judge.report(one), tuple(members[i].name for i in one)
        paid = {m.paid_for or m.name: m.one_off_seconds for m in (members[i] for i in one)}
        known = [seconds for seconds in paid.values() if seconds is not None]
        (rival,) = max(((i,) for i in range(len(members)) if cost[(i,)] <= cost[one]), key=judge.development)
        single = len(one) == 1
        found.append(
            Combination(
                members=names,
                references=judge.references,
                seconds=cost[one],
                one_off_seconds=sum(known) if known else None,
                development=judge.development(one),
                kendall=ranking["kendall"],
                best_half=ranking["kendall_best_half"],
                spread=judge.spreads[one],
                front=one in front,
                greedy=one == greedy,
                best_of_size=one in best,
                versus=None if single else Versus(members[rival].name, difference(ranking, judge.report((rival,)))),
                gains=() if single else _gains(one, judge, members),
            )
        )
    return found


def _gains(one: Set, judge: Judge, members: Sequence[Member]) -> tuple[Gain, ...]:
    without = {i: tuple(other for other in one if other != i) for i in one}
    return tuple(
        Gain(members[i].name, difference(judge.report(one), judge.report(rest))) for i, rest in without.items()
    )


def _front(judge: Judge, cost: Mapping[Set, float], least: float) -> list[Set]:
    """Sets that no cheaper one equals to within `least` on development networks, from the cheapest up."""
    sets = list(judge.known)
    front: list[Set] = []
    for i in pareto_front([(judge.known[one], cost[one]) for one in sets]):
        if not front or judge.known[sets[i]] >= judge.known[front[-1]] + least:
            front.append(sets[i])
    return front


def _best_of_size(judge: Judge) -> set[Set]:
    sizes = {len(one) for one in judge.known}
    return {max((one for one in judge.known if len(one) == size), key=judge.development) for size in sizes}
