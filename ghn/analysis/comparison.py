"""What a comparison of estimators with one reference holds: plain frozen data, with the names of its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ghn.analysis.correlation import Statistic
from ghn.files import Stored

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
        statistics: keys of `ghn.analysis.correlation.rank`.
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

    def get(self, key: str) -> Statistic:
        return self.statistics.get(key, Statistic(None))


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
class Comparison(Stored):
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
    """

    SCHEMA: ClassVar[str] = "ghn.comparison/1"

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
        return next(row for row in self.rows if row.name == name)
