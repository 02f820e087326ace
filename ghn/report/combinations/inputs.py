"""What a search over sets of estimators is given, and what of it can be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ghn.errors import ConfigError, DataError
from ghn.estimators.correction import FEWEST
from ghn.estimators.population import LEAST
from ghn.ranking import MIN_ITEMS
from ghn.ranking.checks import check_pair, check_reference
from ghn.ranking.weighted import Floats
from ghn.report.combinations.model import Member


@dataclass(frozen=True)
class ScoreMatrix:
    """Scores of several estimators for the same networks.

    Attributes:
        scores: {estimator: [n]}, higher is better, NaN where it failed.
        reference: [n] measured values, higher is better, finite.
        ids: [n] names of the networks, or None.
    """

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
    """All estimators, with what they cost and where they failed; arguments as of `search_combinations`.

    Raises:
        DataError: a cost is missing or negative, or fewer than two estimators can be used.
    """
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
        failed = {which: int((~np.isfinite(m.columns[name])).sum()) for which, m in matrices.items()}
        aside = [
            f"failed on {failed[which]} of {len(matrix)} {which} networks"
            for which, matrix in matrices.items()
            if failed[which] > len(matrix) / 2
        ]
        found.append(
            Member(
                name,
                float(seconds[name]),
                one_off.get(name),
                failed["development"],
                failed["report"],
                " and ".join(aside) or None,
                paid_for.get(name),
            )
        )
    if sum(member.set_aside is None for member in found) < 2:
        raise DataError(
            "fewer than two estimators can be combined",
            got={member.name: member.set_aside for member in found if member.set_aside},
            expected="at least two that judged half of the networks",
        )
    return found


def common_scores(matrix: ScoreMatrix, names: Sequence[str], which: str) -> tuple[Floats, Floats]:
    """Scores [n, members] and references [n] of the networks that all members could judge.

    Raises:
        DataError: too few of them, or their references are constant.
    """
    scores = np.stack([matrix.columns[name] for name in names], 1)
    common = np.isfinite(scores).all(1)
    least = max(MIN_ITEMS, LEAST) if which == "development" else MIN_ITEMS
    if common.sum() < least:
        failures = {name: int((~np.isfinite(matrix.columns[name])).sum()) for name in names}
        raise DataError(
            f"too few {which} networks that all estimators could judge",
            got=f"{int(common.sum())} of {len(matrix)}; failures: {failures}",
            expected=f"at least {least}",
            fix="leave out the estimators that fail, or score more networks",
        )
    reference = np.asarray(matrix.reference, dtype=float)[common]
    return scores[common], check_reference(reference, int((~common).sum()))


def check_settings(sizes: Sequence[int], draws: int, largest: int, least: float, n: int) -> None:
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
