"""Where estimators err: against which properties, on which pairs of networks, and whether two of them err alike.

`docs/bias.md` documents every key of the JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ghn.analysis.comparison import Comparison
from ghn.analysis.correlation import MIN_ITEMS, Statistic, check_pair, check_reference
from ghn.analysis.partial import Pair, holm, partial_ceiling, partial_table, permutation_test
from ghn.analysis.weighted import Floats
from ghn.display import brief
from ghn.errors import ConfigError, DataError
from ghn.files import Stored

_CERTAIN = 1.96 * 2**0.5  # noises by which two trainings of one network differ in 5 % of cases
_ROWS = 256  # of the matrix of all pairs at a time


@dataclass(frozen=True, slots=True)
class BiasRow:
    """An estimator or baseline that was analysed: its name, its kind, and its rank correlation with the reference."""

    name: str
    kind: str
    kendall: Statistic


@dataclass(frozen=True, slots=True)
class Effect:
    """How a row's errors go with a property.

    `partial` is Spearman's partial correlation of estimate and property given the reference: positive where networks
    with more of it are overrated, None for a constant estimate or a perfect one. `p` of the permutation test is
    `corrected` for all pairs of a row of this kind and a property, and `significant` below the level.
    """

    row: str
    property: str
    partial: Statistic
    p: float | None
    corrected: float | None
    significant: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A network as the reference and an estimate see it; ranks are among the n, 1 = best, ties sharing their mean."""

    index: int
    id: str
    reference: float
    estimate: float
    reference_rank: float
    estimate_rank: float


@dataclass(frozen=True, slots=True)
class WrongPair:
    """Two networks that a row puts in the wrong order; `confidence` as in `Reversal`."""

    row: str
    better: Judged
    worse: Judged
    confidence: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether two rows err alike: the correlation of their rank residuals."""

    one: str
    other: str
    partial: Statistic


@dataclass(frozen=True, slots=True)
class BiasSettings:
    """How the biases were computed; `level` is that of `Effect.significant`."""

    bootstrap: int
    permutations: int
    seed: int
    level: float


@brief
@dataclass(frozen=True, slots=True)
class Bias(Stored):
    """Where estimators err, on the `n` networks on which the comparison compared all `rows` that it did not set aside.

    `properties` are those that vary; `left_out` says why another was not analysed. `second_training` tells for each
    what a second training of the same networks (`repeated` of them) shows as an estimate: the bias that the reference's
    noise feigns; None where the seeds are not known. `noise` is the standard deviation of one training's reference,
    None when unknown, and `margin` the least difference of two references in `wrong_pairs`, both in the reference's
    unit. Wrong pairs are most decided first within each row.
    """

    SCHEMA: ClassVar[str] = "ghn.bias/1"
    KEYS: ClassVar[str] = "docs/bias.md"

    reference_name: str
    reference_unit: str
    n: int
    rows: tuple[BiasRow, ...]
    properties: tuple[str, ...]
    left_out: dict[str, str]
    effects: tuple[Effect, ...]
    second_training: dict[str, Statistic] | None
    repeated: int
    noise: float | None
    margin: float
    wrong_pairs: tuple[WrongPair, ...]
    likenesses: tuple[Likeness, ...]
    settings: BiasSettings

    def row(self, name: str) -> BiasRow:
        return next(row for row in self.rows if row.name == name)

    def of(self, row: str) -> list[Effect]:
        """The effects of a row, strongest first, undefined ones last."""
        found = [effect for effect in self.effects if effect.row == row]
        return sorted(found, key=lambda effect: -abs(effect.partial.value or 0.0))

    def pairs_of(self, row: str) -> list[WrongPair]:
        return [pair for pair in self.wrong_pairs if pair.row == row]

    def likeness(self, one: str, other: str) -> Statistic:
        """The correlation of two rows' residuals, in either order."""
        return next(found.partial for found in self.likenesses if {found.one, found.other} == {one, other})

    def feigned(self, effect: Effect) -> bool:
        """Whether a second training shows as much: then the reference's noise explains it."""
        value = effect.partial.value
        second = (self.second_training or {}).get(effect.property)
        if value is None or second is None or second.value is None or value * second.value <= 0:
            return False
        far = second.high if second.value > 0 else second.low
        return abs(value) <= abs(second.value if far is None else far)


def measure_bias(
    comparison: Comparison,
    properties: Mapping[str, ArrayLike],
    *,
    seeds: ArrayLike | None = None,
    noise: float | None = None,
    pairs: int = 3,
    permutations: int = 9999,
    level: float = 0.05,
) -> Bias:
    """Analyses the errors of every row of a comparison, on the networks on which it compared them.

    Args:
        comparison: of estimators and baselines with a reference; its bootstrap and seed are used here too.
        properties: {name: [n_given]} of the networks, in the comparison's order and finite, such as
            `space_properties` gives; one that is the same for all networks is left out.
        seeds: [n_given, seeds] references of several trainings, NaN where missing: shows the bias that the
            reference's noise feigns, and how much two references must differ.
        noise: standard deviation of a network's reference over trainings, in the reference's unit; by default
            from `seeds`.
        pairs: confidently wrong pairs a row.
        permutations: of the test, at least; more are made where so many tests are corrected for that fewer
            could find nothing.
        level: chance that is borne that any finding on an estimator is false.

    Raises:
        DataError: lengths differ, or a property is not finite.
        ConfigError: a setting is out of range.
    """
    if (noise is not None and not noise >= 0) or pairs < 0 or permutations < 1 or not 0 < level < 1:
        raise ConfigError(
            "settings out of range",
            got=f"noise={noise}, pairs={pairs}, permutations={permutations}, level={level}",
            expected="noise and pairs of at least 0, permutations of at least 1, and a level between 0 and 1",
        )
    common = np.array(comparison.common)
    reference = np.array(comparison.reference, dtype=float)[common]
    rows = [row for row in comparison.rows if row.set_aside is None]
    estimates = {row.name: np.array(row.estimates, dtype=float)[common] for row in rows}
    places = [(int(i), comparison.ids[i] if comparison.ids else str(i)) for i in np.flatnonzero(common)]
    varying, left_out = _varying(properties, common)
    table = None if seeds is None else _seeds(seeds, common)
    noise = _noise(table) if noise is None and table is not None else noise
    margin = _CERTAIN * (noise or 0.0)
    # The least p-value is 1 / (permutations + 1), and Holm multiplies it by the number of tests.
    permutations = max(permutations, math.ceil(2 * len(rows) * len(varying) / level))
    settings = BiasSettings(comparison.settings.bootstrap, permutations, comparison.settings.seed, level)
    kinds = {row.name: row.kind for row in rows}
    effects, likenesses = _correlations(estimates, kinds, varying, reference, settings)
    return Bias(
        reference_name=comparison.reference_name,
        reference_unit=comparison.reference_unit,
        n=int(common.sum()),
        rows=tuple(BiasRow(row.name, row.kind, row.get("kendall")) for row in rows),
        properties=tuple(varying),
        left_out=left_out,
        effects=effects,
        second_training=_second_training(table, varying, settings),
        repeated=0 if table is None else int(np.isfinite(table).all(1).sum()),
        noise=noise,
        margin=margin,
        wrong_pairs=tuple(
            pair
            for name, values in estimates.items()
            for pair in _wrong_pairs(name, values, reference, places, pairs, margin)
        ),
        likenesses=likenesses,
        settings=settings,
    )


def _varying(properties: Mapping[str, ArrayLike], common: np.ndarray) -> tuple[dict[str, Floats], dict[str, str]]:
    kept: dict[str, Floats] = {}
    left_out: dict[str, str] = {}
    for name, given in properties.items():
        try:
            values = np.asarray(given, dtype=float)
        except (TypeError, ValueError) as error:
            raise DataError(f"the property {name!r} is not a list of numbers", got=str(error)) from error
        if values.shape != common.shape:
            raise DataError(f"the property {name!r} has the wrong shape", got=values.shape, expected=common.shape)
        if not np.isfinite(values[common]).all():
            raise DataError(f"the property {name!r} is not finite for every network", fix="leave the property out")
        if np.ptp(values[common]) > 0:
            kept[name] = values[common]
        else:
            left_out[name] = f"the same for all {int(common.sum())} networks ({values[common][0]:g})"
    return kept, left_out


def _correlations(
    estimates: Mapping[str, Floats],
    kinds: Mapping[str, str],
    properties: Mapping[str, Floats],
    reference: Floats,
    settings: BiasSettings,
) -> tuple[tuple[Effect, ...], tuple[Likeness, ...]]:
    # A property may bear a baseline's name, so columns are told apart by a first character.
    columns = {f"e{name}": values for name, values in estimates.items()}
    columns |= {f"p{name}": values for name, values in properties.items()}
    wanted = [(f"e{a}", f"p{b}") for a in estimates for b in properties]
    wanted += [(f"e{a}", f"e{b}") for a, b in combinations(estimates, 2)]
    found = partial_table(columns, reference, wanted, bootstrap=settings.bootstrap, seed=settings.seed)
    p: dict[Pair, float | None] = {}
    corrected: dict[Pair, float | None] = {}
    for kind in sorted(set(kinds.values())) if properties else ():
        # Corrected apart: baselines are biased by construction, and would make it easy for estimators to seem so.
        own = {name: values for name, values in estimates.items() if kinds[name] == kind}
        tested = permutation_test(own, properties, reference, permutations=settings.permutations, seed=settings.seed)
        p |= tested
        corrected |= holm(tested)

    def effect(a: str, b: str) -> Effect:
        q = corrected[a, b]
        return Effect(a, b, found[f"e{a}", f"p{b}"], p[a, b], q, q is not None and q < settings.level)

    effects = tuple(effect(a, b) for a in estimates for b in properties)
    return effects, tuple(Likeness(a, b, found[f"e{a}", f"e{b}"]) for a, b in combinations(estimates, 2))


def _seeds(seeds: ArrayLike, common: np.ndarray) -> Floats:
    table = np.asarray(seeds, dtype=float)
    if table.ndim != 2 or table.shape[0] != len(common) or table.shape[1] < 2:
        expected = f"({len(common)}, at least 2 seeds)"
        raise DataError("seeds do not match the comparison", got=table.shape, expected=expected)
    return table[common]


def _noise(table: Floats) -> float | None:
    """Standard deviation over the seeds of one network, pooled over networks; None where none was repeated."""
    known = np.isfinite(table)
    repeated = known.sum(1) > 1
    if not repeated.any():
        return None
    values = np.where(known, table, 0)[repeated]
    many = known.sum(1)[repeated]
    mean = values.sum(1) / many
    squares = (np.where(known[repeated], values - mean[:, None], 0) ** 2).sum()
    return float(np.sqrt(squares / (many - 1).sum()))


def _second_training(
    table: Floats | None, properties: Mapping[str, Floats], settings: BiasSettings
) -> dict[str, Statistic] | None:
    if table is None or not properties:
        return None
    complete = table[np.isfinite(table).all(1)]
    if len(complete) < MIN_ITEMS or (np.ptp(complete, axis=0) == 0).any():
        return None
    return partial_ceiling(table, properties, bootstrap=settings.bootstrap, seed=settings.seed)


def _wrong_pairs(
    row: str, estimate: Floats, reference: Floats, places: list[tuple[int, str]], k: int, margin: float
) -> list[WrongPair]:
    columns = (reference, estimate, rankdata(-reference), rankdata(-estimate))

    def judged(i: int) -> Judged:
        return Judged(*places[i], *(float(column[i]) for column in columns))

    found = reversals(estimate, reference, k=k, margin=margin)
    return [WrongPair(row, judged(one.better), judged(one.worse), one.confidence) for one in found]


class Reversal(NamedTuple):
    """Two items, by index: the reference says `better`, the estimate says `worse`.

    `confidence` is the share of all items that lies between them: the smaller of the two shares, by the reference and
    by the estimate.
    """

    better: int
    worse: int
    confidence: float


def reversals(estimate: ArrayLike, reference: ArrayLike, *, k: int = 3, margin: float = 0.0) -> list[Reversal]:
    """Up to `k` pairs whose order by the estimate [n] is most decidedly the reverse of that by the reference [n].

    Both must be decided, so the weaker of the two counts. No item occurs twice: else the worst outlier would be in
    every pair. Ties share their mean rank; of equally wrong pairs the first by index is taken. Pairs whose references
    differ by no more than the `margin` may be noise, and are left out.

    Raises:
        DataError: shapes differ, values are not finite, references all equal, or fewer than `MIN_ITEMS`.
        ConfigError: `k` or `margin` is negative.
    """
    if k < 0 or not margin >= 0:
        raise ConfigError("k and margin must not be negative", got=f"k={k}, margin={margin}")
    x, y = check_pair(estimate, reference)
    check_reference(y)
    if not np.isfinite(x).all():
        raise DataError("some estimates are not finite", fix="leave the failed items out of both arrays")
    by_estimate, by_reference = ((rankdata(values) - 1) / (len(y) - 1) for values in (x, y))
    free = np.ones(len(y), bool)
    found: list[Reversal] = []
    while len(found) < k:
        worst = _worst(by_estimate, by_reference, y, margin, np.flatnonzero(free))
        if worst is None:
            break
        found.append(worst)
        free[[worst.better, worst.worse]] = False
    return found


def _worst(estimate: Floats, reference: Floats, value: Floats, margin: float, free: np.ndarray) -> Reversal | None:
    x, y, v = estimate[free], reference[free], value[free]
    best, where = 0.0, (0, 0)
    for start in range(0, len(free), _ROWS):
        rows = slice(start, start + _ROWS)
        confidence = np.minimum(y[rows, None] - y, x - x[rows, None])
        confidence[v[rows, None] - v <= margin] = 0
        i, j = np.unravel_index(confidence.argmax(), confidence.shape)
        if confidence[i, j] > best:
            best, where = float(confidence[i, j]), (start + int(i), int(j))
    return Reversal(int(free[where[0]]), int(free[where[1]]), best) if best > 0 else None
