"""What a search over sets of estimators is given and what it finds; `choose_sets.py` searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ghn.analysis.comparison import Versus
from ghn.analysis.correction import FEWEST, LEAST
from ghn.analysis.correlation import MIN_ITEMS, Statistic, check_pair, check_reference
from ghn.analysis.weighted import Floats
from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.files import Stored


@dataclass(frozen=True, slots=True)
class Member:
    """An estimator that may be combined, its seconds a candidate, and how many networks it could not judge.

    `one_off_seconds` are paid once before the first candidate, None when unknown; members with the same `paid_for`
    share them. `set_aside` says why it is in no combination; None when it may be.
    """

    name: str
    seconds: float
    one_off_seconds: float | None
    failed_development: int
    failed_report: int
    set_aside: str | None = None
    paid_for: str | None = None


@dataclass(frozen=True, slots=True)
class Gain:
    """What a member adds: Kendall of the set minus Kendall of the set without it, paired, on the report networks."""

    member: str
    kendall: Statistic


@dataclass(frozen=True, slots=True)
class Combination:
    """One set of estimators with a number of trained references for a regression; 0 for the mean normal score.

    Attributes:
        seconds: a candidate, the sum over the members.
        one_off_seconds: the sum over what the members need, each once, what is unknown left out; None when all is.
        development: Kendall's tau on the development networks, by which sets are chosen; mean over draws of references.
        kendall: Kendall's tau on the report networks, mean over draws; its interval is over networks.
        best_half: the same in the best half.
        spread: standard deviation of Kendall over draws of references; None without references.
        front, best_of_size: whether, on development networks, no cheaper set is as good, none of as many better.
        greedy: whether greedy forward selection ended here.
        versus: the difference from the best single estimator at no higher cost and with as many references, both chosen
            on development networks; None for single estimators, which have no gains either.
    """

    members: tuple[str, ...]
    references: int
    seconds: float
    one_off_seconds: float | None
    development: float
    kendall: Statistic
    best_half: Statistic
    spread: float | None
    front: bool
    greedy: bool
    best_of_size: bool
    versus: Versus | None
    gains: tuple[Gain, ...]

    @property
    def name(self) -> str:
        return " + ".join(self.members)

    @property
    def single(self) -> bool:
        return len(self.members) == 1


@brief
@dataclass(frozen=True, slots=True)
class Combinations(Stored):
    """What a search over sets of estimators found: single estimators and the sets chosen, by references and cost.

    Of the networks given, sets are chosen on the `n_development` that every member could judge; all figures but
    `development` stand on the `n_report` that every member could. `tried` is {number of references: sets that were
    judged on development networks}, `exhaustive` whether these are all of up to `largest` members. `least` is the
    development Kendall that a dearer set must gain to stand on the front.
    """

    SCHEMA: ClassVar[str] = "ghn.combinations/1"

    reference_name: str
    n_development_given: int
    n_development: int
    n_report_given: int
    n_report: int
    members: tuple[Member, ...]
    combinations: tuple[Combination, ...]
    tried: dict[int, int]
    exhaustive: bool
    largest: int
    least: float
    draws: int
    bootstrap: int
    seed: int
    warnings: tuple[str, ...] = ()

    @property
    def sizes(self) -> list[int]:
        return sorted(self.tried)

    def singles(self, references: int = 0) -> list[Combination]:
        return [c for c in self.combinations if c.single and c.references == references]

    def front(self, references: int = 0) -> list[Combination]:
        """The front of cost and order that was chosen on development networks, from the cheapest up."""
        return [c for c in self.combinations if c.front and c.references == references]

    def best_at(self, seconds: float, references: int = 0) -> Combination | None:
        """The best of the front at up to so many seconds a candidate; None where none is that cheap."""
        return next((c for c in reversed(self.front(references)) if c.seconds <= seconds), None)


@brief
@dataclass(frozen=True)
class ScoreMatrix:
    """Scores {estimator: [n]} (NaN where it failed), finite references [n] and names of the same networks."""

    scores: Mapping[str, ArrayLike]
    reference: ArrayLike
    ids: Sequence[object] | None = None

    @property
    def columns(self) -> dict[str, Floats]:
        """The scores as arrays."""
        return {name: np.asarray(values, dtype=float) for name, values in self.scores.items()}

    def __len__(self) -> int:
        return len(np.asarray(self.reference))


def check_matrices(development: ScoreMatrix, report: ScoreMatrix) -> None:
    """Raises DataError unless both hold the same estimators, at least two, on different networks."""
    if set(development.scores) != set(report.scores) or len(development.scores) < 2:
        raise DataError(
            "combinations need the same estimators on development and report networks",
            got=f"{sorted(development.scores)} and {sorted(report.scores)}",
            expected="at least two, in both",
        )
    for matrix in (development, report):
        for values in matrix.scores.values():
            check_pair(values, matrix.reference)
        if matrix.ids is not None and (len(matrix.ids) != len(matrix) or len(set(matrix.ids)) != len(matrix)):
            raise DataError(
                "ids do not match the references", got=len(set(matrix.ids)), expected=f"{len(matrix)} different"
            )
    if both := set(development.ids or ()) & set(report.ids or ()):
        raise DataError(
            "sets cannot be chosen on the networks that they are reported on",
            got=f"{len(both)} in both, such as {min(map(str, both))}",
            expected="development and report networks without one in common",
        )


def read_members(
    development: ScoreMatrix,
    report: ScoreMatrix,
    seconds: Mapping[str, float],
    one_off: Mapping[str, float],
    paid_for: Mapping[str, str],
) -> list[Member]:
    """All estimators, with what they cost and where they failed; arguments as of `search_combinations`."""
    names = list(development.scores)
    if missing := [name for name in names if not seconds.get(name, -1.0) >= 0 or seconds[name] == np.inf]:
        raise DataError(
            "some estimators have no cost a candidate, so there is no best order at a cost",
            got=", ".join(missing),
            expected="seconds for each, at least 0",
            fix="give seconds={estimator: seconds a candidate}; 0 for what costs nothing",
        )
    matrices, found = {"development": development, "report": report}, []
    for name in names:
        failed = [int((~np.isfinite(matrix.columns[name])).sum()) for matrix in matrices.values()]
        aside = [
            f"failed on {missing} of {len(matrix)} {which} networks"
            for missing, (which, matrix) in zip(failed, matrices.items(), strict=True)
            if missing > len(matrix) / 2
        ]
        told = " and ".join(aside) or None
        found.append(
            Member(name, float(seconds[name]), one_off.get(name), failed[0], failed[1], told, paid_for.get(name))
        )
    if sum(member.set_aside is None for member in found) < 2:
        raise DataError(
            "fewer than two estimators can be combined",
            got={member.name: member.set_aside for member in found if member.set_aside},
            expected="at least two that judged half of the networks",
        )
    return found


def common_scores(matrix: ScoreMatrix, names: Sequence[str], which: str) -> tuple[Floats, Floats]:
    """Scores [n, members] and references [n] of the networks that all members could judge."""
    scores = np.stack([matrix.columns[name] for name in names], 1)
    common = np.isfinite(scores).all(1)
    least = max(MIN_ITEMS, LEAST) if which == "development" else MIN_ITEMS
    if common.sum() < least:
        counts = {name: int((~np.isfinite(matrix.columns[name])).sum()) for name in names}
        failures = {name: count for name, count in counts.items() if count}
        raise DataError(
            f"too few {which} networks that all estimators could judge",
            got=f"{int(common.sum())} of {len(matrix)}" + (f"; failures: {failures}" if failures else ""),
            expected=f"at least {least}",
            fix="leave out the estimators that fail, or score more networks" if failures else "score more networks",
        )
    reference = np.asarray(matrix.reference, dtype=float)[common]
    return scores[common], check_reference(reference, int((~common).sum()))


def check_search(sizes: Sequence[int], draws: int, largest: int, least: float, n: int) -> None:
    """Raises ConfigError for settings out of range; `n` is the number of development networks."""
    good = [size == 0 or FEWEST <= size <= n - MIN_ITEMS for size in sizes]
    if not sizes or not all(good):
        raise ConfigError(
            "numbers of references that cannot be given",
            got=[size for size, ok in zip(sizes, good, strict=True) if not ok] or list(sizes),
            expected=f"0, or {FEWEST} to {n - MIN_ITEMS}, which leaves {MIN_ITEMS} of {n} development networks",
            fix="more development networks, or smaller sizes",
        )
    if draws < 1 or largest < 2 or not least >= 0:
        raise ConfigError(
            "a search over sets cannot be made so",
            got=f"draws={draws}, largest={largest}, least={least}",
            expected="draws >= 1, largest >= 2, least >= 0",
        )


def warnings_of(members: Sequence[Member], development: tuple[int, int], report: tuple[int, int]) -> list[str]:
    """What a reader must know: who is set aside, and how many networks are left in common (left, given)."""
    found = [f"{member.name} is in no combination: it {member.set_aside}." for member in members if member.set_aside]
    for which, (left, given) in (("development", development), ("report", report)):
        if left < given:
            found.append(
                f"{left} of {given} {which} networks could be judged by every estimator; the others are left out."
            )
    return found
