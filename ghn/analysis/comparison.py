"""What a comparison of estimators with one reference holds: plain frozen data, with the names of its JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ghn.analysis.correlation import Statistic
from ghn.display import brief, card, named, picture, table
from ghn.files import Stored

Values = tuple[float | None, ...]
_UNKNOWN = Statistic(None)


@dataclass(frozen=True, slots=True)
class Versus:
    """How an estimator differs from the strongest baseline, paired over the same resamples.

    `kendall` is its Kendall minus that of the `baseline` that is strongest by Kendall; `concordance` its share of pairs
    in the right order minus that of the `counting` that is strongest by this share. Older reports lack both.
    """

    baseline: str
    kendall: Statistic
    counting: str = ""
    concordance: Statistic = _UNKNOWN


@brief
@dataclass(frozen=True, slots=True)
class Row:
    """One "estimator" or "baseline" against one reference.

    Its statistics (keys as of `ghn.analysis.correlation.rank`) stand on `n` networks; 0 when it was `set_aside`, which
    says why. Of all networks given, it `failed` on some: their `estimates` [n_given] are None. `seconds` are the mean
    wall-clock time a network, `one_off_seconds` those before the first (training, loading); None when unknown.
    Baselines are not compared `versus` the strongest of them.
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


@brief
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


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Stored):
    """Several estimators and then baselines against one reference, each in the caller's order.

    All rows but those set aside are compared on the `n` of `n_given` networks that every one of them could judge.
    `ids`, `reference` (higher is better) and `live_params` (that lie on a path from input to output) are of all given;
    `levels` is what ranking inside equal counts of the last rests on, the `ceiling` seed-to-seed agreement. The unit,
    for instance "test accuracy, %", is also that of regret.
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

    def __repr__(self) -> str:
        return named(self, f"{self.n} networks", f"{len(self.rows)} rows", reference_name=self.reference_name)

    def _repr_html_(self) -> str:
        """A line a row, and the estimate of the best row against the reference."""
        keys = ("concordance", "kendall", "kendall_best_half")
        lines = [(row.name, row.kind, *(_number(row.get(key)) for key in keys), row.failed) for row in self.rows]
        head = ("", "", "pairs right", "Kendall", "in the best half", "failed")
        known = [row for row in self.estimators if row.get("concordance").value is not None]
        best = max(known, key=lambda row: row.get("concordance").value or 0.0, default=None)
        title = f"{self.n:,} networks against {self.reference_name}"
        return card(title, table(head, lines, words=(0, 1)), "" if best is None else self._drawn(best))

    def _drawn(self, row: Row) -> str:
        from ghn.drawing.scatter import scatter_figure  # with matplotlib: when it is looked at
        from ghn.drawing.style import to_bytes

        kept = np.array(self.common)
        estimate, reference = np.array(row.estimates, dtype=float)[kept], np.array(self.reference)[kept]
        unit = self.reference_unit or self.reference_name
        figure = scatter_figure(estimate, reference, f"estimate: {row.name}", unit, self.top)
        return picture(to_bytes(figure, "svg"), "svg+xml", f"The estimates of {row.name} against {unit}", width=400)

    @property
    def top(self) -> int:
        """How many networks of an estimate are marked: the first of `ks`, or a fifth where that is more than half."""
        return next((k for k in self.settings.ks[:1] if 2 * k <= self.n), max(1, self.n // 5))

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


def _number(found: Statistic) -> str:
    if found.value is None:
        return ""
    sure = "" if found.low is None or found.high is None else f" [{found.low:.2f}, {found.high:.2f}]"
    return f"{found.value:.2f}{sure}"
