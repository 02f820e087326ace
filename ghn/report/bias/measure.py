"""Where estimators err: against which properties, on which pairs of networks, and whether two of them err alike."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from ghn.errors import ConfigError, DataError
from ghn.ranking import (
    MIN_ITEMS,
    Statistic,
    holm,
    partial_ceiling,
    partial_table,
    permutation_test,
    reversals,
)
from ghn.ranking.weighted import Floats
from ghn.report.bias.model import Bias, BiasRow, BiasSettings, Effect, Judged, Likeness, WrongPair
from ghn.report.model import Comparison

_CERTAIN = 1.96 * 2**0.5  # noises by which two trainings of one network differ in 5 % of cases


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
            for pair in _wrong_pairs(name, values, reference, np.flatnonzero(common), comparison.ids, pairs, margin)
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
    p: dict[tuple[str, str], float | None] = {}
    corrected: dict[tuple[str, str], float | None] = {}
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
        raise DataError(
            "seeds do not match the comparison", got=table.shape, expected=f"({len(common)}, at least 2 seeds)"
        )
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
    name: str,
    estimate: Floats,
    reference: Floats,
    index: np.ndarray,
    ids: tuple[str, ...] | None,
    k: int,
    margin: float,
) -> list[WrongPair]:
    by_reference, by_estimate = rankdata(-reference), rankdata(-estimate)

    def judged(i: int) -> Judged:
        where = int(index[i])
        return Judged(
            index=where,
            id=ids[where] if ids else str(where),
            reference=float(reference[i]),
            estimate=float(estimate[i]),
            reference_rank=float(by_reference[i]),
            estimate_rank=float(by_estimate[i]),
        )

    found = reversals(estimate, reference, k=k, margin=margin)
    return [WrongPair(name, judged(one.better), judged(one.worse), one.confidence) for one in found]
