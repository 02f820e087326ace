"""What a report holds, and its JSON: plain frozen data from which page, figures and table are all drawn.

The JSON has the same names as the fields; `docs/report.md` documents every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from ghn.analysis.correlation import Statistic
from ghn.files import check_schema, damaged, plain

REPORT_SCHEMA = "ghn.report/1"
COMPARISON_SCHEMA = "ghn.comparison/1"
Values = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Versus:
    """Kendall of an estimator minus Kendall of the strongest baseline, paired over the same resamples."""

    baseline: str
    kendall: Statistic


@dataclass(frozen=True, slots=True)
class Row:
    """One estimator or baseline against one reference.

    Attributes:
        name: as the caller called it.
        kind: "estimator" or "baseline".
        n: networks on which the statistics stand; 0 when the row was set aside.
        failed: of all networks given, those for which there is no estimate.
        set_aside: why the row has no statistics; None when it has.
        seconds: mean wall-clock seconds a network; None when unknown.
        one_off_seconds: paid once before the first network (training, loading); None when unknown.
        statistics: keys of `ghn.ranking.rank`.
        versus: the paired difference from the strongest baseline; None for baselines.
        estimates: [n_given], higher is better, None where it failed.
    """

    name: str
    kind: str
    n: int
    failed: int
    set_aside: str | None
    seconds: float | None
    one_off_seconds: float | None
    statistics: dict[str, Statistic]
    versus: Versus | None
    estimates: Values

    def get(self, key: str) -> Statistic:
        """The statistic, or an empty one when the row has none of that name."""
        return self.statistics.get(key, Statistic(None))


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What a second training of the same networks scores as an estimate, on `n` networks with all `seeds`."""

    n: int
    seeds: int
    statistics: dict[str, Statistic]


@dataclass(frozen=True, slots=True)
class Failure:
    """One network that one estimator could not judge; `item` is its id, or its index without ids."""

    estimator: str
    item: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Levels:
    """Groups of equal live parameter count large enough to be ranked inside, and the networks in them."""

    count: int
    networks: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How the statistics were computed."""

    ks: tuple[int, ...]
    bootstrap: int
    seed: int
    min_level: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Several estimators and baselines against one reference.

    Attributes:
        reference_name: where the reference comes from, in a few words.
        reference_unit: unit of the reference and of regret, for instance "test accuracy, %".
        n_given: networks given.
        n: networks that every row (but those set aside) could judge; all rows are compared on these.
        ids: [n_given] names of the networks, or None.
        reference: [n_given] values, higher is better.
        live_params: [n_given] parameters that lie on a path from input to output, or None.
        levels: what ranking inside equal parameter counts rests on; None without `live_params`.
        ceiling: seed-to-seed agreement, or None.
        rows: estimators first, then baselines, each in the caller's order.
        failures: every failure, one by one.
        warnings: what the reader must know to read this comparison rightly.
        settings: how the statistics were computed.
    """

    reference_name: str
    reference_unit: str
    n_given: int
    n: int
    ids: tuple[str, ...] | None
    reference: tuple[float, ...]
    live_params: Values | None
    levels: Levels | None
    ceiling: Ceiling | None
    rows: tuple[Row, ...]
    failures: tuple[Failure, ...]
    warnings: tuple[str, ...]
    settings: Settings

    @property
    def estimators(self) -> list[Row]:
        """The rows that are judged."""
        return [row for row in self.rows if row.kind == "estimator"]

    @property
    def baselines(self) -> list[Row]:
        """The rows that every estimator has to beat."""
        return [row for row in self.rows if row.kind == "baseline"]

    @property
    def common(self) -> list[bool]:
        """[n_given] whether a network is one of the `n` on which the rows are compared."""
        used = [row.estimates for row in self.rows if row.set_aside is None]
        return [all(values[i] is not None for values in used) for i in range(self.n_given)]

    def row(self, name: str) -> Row:
        """The row of that name."""
        return next(row for row in self.rows if row.name == name)

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears (null does)."""
        return {"schema": COMPARISON_SCHEMA, **plain(asdict(self))}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Comparison:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing.
        """
        check_schema(data, COMPARISON_SCHEMA)
        try:
            return _comparison(data)
        except (KeyError, TypeError) as error:
            raise damaged(error) from error


@dataclass(frozen=True, slots=True)
class Report:
    """One or more comparisons and everything needed to repeat them.

    Attributes:
        comparisons: for instance one against own trainings and one against a published table.
        title: heading of the page.
        protocol: paragraphs that say how estimates and references came about.
        warnings: what the reader must know first, such as "trained for five minutes: expect a bad order".
        metadata: machine, date, versions, command, checkpoint card; JSON-able, shown as it is.
        created: ISO 8601, UTC.
    """

    comparisons: tuple[Comparison, ...]
    title: str = "How well is the order of networks known without training them?"
    protocol: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def __post_init__(self) -> None:
        # Lists are what callers have at hand; tuples are what compares equal after a round trip.
        for name in ("comparisons", "protocol", "warnings"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "metadata", plain(self.metadata))

    def to_json(self) -> dict[str, Any]:
        """A JSON-able dict in which NaN never appears (null does)."""
        own = {key: getattr(self, key) for key in ("title", "created", "protocol", "warnings", "metadata")}
        comparisons = [comparison.to_json() for comparison in self.comparisons]
        return {"schema": REPORT_SCHEMA, **plain(own), "comparisons": comparisons}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Report:
        """The inverse of `to_json`.

        Raises:
            DataError: another schema, or keys missing.
        """
        check_schema(data, REPORT_SCHEMA)
        try:
            own = {key: data[key] for key in ("title", "created", "protocol", "warnings", "metadata")}
            return cls(tuple(Comparison.from_json(one) for one in data["comparisons"]), **own)
        except (KeyError, TypeError) as error:
            raise damaged(error) from error


def _statistics(data: Mapping[str, Any]) -> dict[str, Statistic]:
    return {key: Statistic(**one) for key, one in data.items()}


def _row(data: Mapping[str, Any]) -> Row:
    versus = data["versus"]
    return Row(
        **{
            **data,
            "statistics": _statistics(data["statistics"]),
            "versus": versus and Versus(versus["baseline"], Statistic(**versus["kendall"])),
            "estimates": tuple(data["estimates"]),
        }
    )


def _comparison(data: Mapping[str, Any]) -> Comparison:
    ceiling, levels, settings = data["ceiling"], data["levels"], data["settings"]
    fields = {key: value for key, value in data.items() if key != "schema"}
    built = {
        "ids": None if data["ids"] is None else tuple(data["ids"]),
        "reference": tuple(data["reference"]),
        "live_params": None if data["live_params"] is None else tuple(data["live_params"]),
        "levels": levels and Levels(**levels),
        "ceiling": ceiling and Ceiling(**{**ceiling, "statistics": _statistics(ceiling["statistics"])}),
        "rows": tuple(_row(row) for row in data["rows"]),
        "failures": tuple(Failure(**failure) for failure in data["failures"]),
        "warnings": tuple(data["warnings"]),
        "settings": Settings(**{**settings, "ks": tuple(settings["ks"])}),
    }
    return Comparison(**{**fields, **built})
