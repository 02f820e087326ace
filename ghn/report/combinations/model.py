"""Which sets of estimators order best at which cost, and the JSON of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ghn.ranking import Statistic
from ghn.report.codec import check_schema, damaged, plain
from ghn.report.model import Versus

COMBINATIONS_SCHEMA = "ghn.combinations/1"


@dataclass(frozen=True, slots=True)
class Member:
    """An estimator that may be combined.

    Attributes:
        name: as the caller called it.
        seconds: a candidate.
        one_off_seconds: paid once before the first candidate; None when unknown.
        failed_development: development networks that it could not judge.
        failed_report: report networks that it could not judge.
        set_aside: why it is in no combination; None when it may be.
        paid_for: name of what is paid once; members with the same one share it. None: nobody else has it.
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
    """One set of estimators with one number of references.

    Attributes:
        members: in the order of the caller.
        references: trained networks that a regression on the members' scores was given; 0 for the mean normal score.
        seconds: a candidate, the sum over the members.
        one_off_seconds: the sum over what the members need, each once, what is unknown left out; None when all is.
        development: Kendall's tau on the development networks, by which sets are chosen; mean over draws of references.
        kendall: Kendall's tau on the report networks, mean over draws; its interval is over networks.
        best_half: the same in the best half.
        spread: standard deviation of Kendall over draws of references; None without references.
        front: whether, on development networks, no cheaper set is as good.
        greedy: whether greedy forward selection ended here.
        best_of_size: whether, on development networks, no set of as many members is better.
        versus: the difference from the best single estimator at no higher cost and with as many references, both chosen
            on development networks; None for single estimators.
        gains: what each member adds; empty for single estimators.
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
        """The members, joined."""
        return " + ".join(self.members)

    @property
    def single(self) -> bool:
        """Whether it is one estimator."""
        return len(self.members) == 1


@dataclass(frozen=True, slots=True)
class Combinations:
    """What a search over sets of estimators found.

    Attributes:
        reference_name: where the references come from.
        n_development_given: development networks given.
        n_development: those that every member could judge; sets are chosen on these.
        n_report_given: report networks given.
        n_report: those that every member could judge; all figures but `development` stand on these.
        members: all estimators given.
        combinations: single estimators and the sets chosen, by references and cost.
        tried: {number of references: sets that were judged on development networks}.
        exhaustive: whether all sets of up to `largest` members were tried.
        largest: most members of a set.
        least: development Kendall that a dearer set must gain to stand on the front.
        draws: of references.
        bootstrap: resamples behind the intervals.
        seed: of draws and resamples.
        warnings: what the reader must know.
    """

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
        """The numbers of references."""
        return sorted(self.tried)

    def singles(self, references: int = 0) -> list[Combination]:
        """The single estimators."""
        return [c for c in self.combinations if c.single and c.references == references]

    def front(self, references: int = 0) -> list[Combination]:
        """The front of cost and order that was chosen on development networks, from the cheapest up."""
        return [c for c in self.combinations if c.front and c.references == references]

    def best_at(self, seconds: float, references: int = 0) -> Combination | None:
        """The best of the front at up to so many seconds a candidate; None where none is that cheap."""
        return next((c for c in reversed(self.front(references)) if c.seconds <= seconds), None)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears."""
        return {"schema": COMBINATIONS_SCHEMA, **plain(asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Combinations:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing.
        """
        check_schema(data, COMBINATIONS_SCHEMA)
        try:
            fields = {key: value for key, value in data.items() if key != "schema"}
            built = {
                "members": tuple(Member(**one) for one in data["members"]),
                "combinations": tuple(_combination(one) for one in data["combinations"]),
                "tried": {int(size): count for size, count in data["tried"].items()},
                "warnings": tuple(data["warnings"]),
            }
            return cls(**{**fields, **built})
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise damaged(error) from error


def _combination(data: Mapping[str, Any]) -> Combination:
    versus = data["versus"]
    built = {
        "members": tuple(data["members"]),
        "kendall": Statistic(**data["kendall"]),
        "best_half": Statistic(**data["best_half"]),
        "versus": versus and Versus(versus["baseline"], Statistic(**versus["kendall"])),
        "gains": tuple(Gain(one["member"], Statistic(**one["kendall"])) for one in data["gains"]),
    }
    return Combination(**{**data, **built})
