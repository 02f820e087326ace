"""From plain arrays of any tool to a `Comparison`: all on the same networks, baselines beneath."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from ghn.analysis.comparison import Ceiling, Comparison, Failure, Levels, Row, Settings, Versus
from ghn.analysis.correlation import MIN_ITEMS, Ranking, ceiling, check_pair, check_reference, difference, rank
from ghn.analysis.weighted import Floats, levels_of
from ghn.errors import ConfigError, DataError

LIVE_PARAMETERS = "live parameters"
RANDOM_ORDER = "random order"


@dataclass(frozen=True, slots=True)
class Inputs:
    """Checked arrays, all over the same n networks; estimators before baselines in `estimates`."""

    estimates: dict[str, Floats]
    baselines: frozenset[str]
    reference: Floats
    ids: tuple[str, ...] | None
    live_params: Floats | None
    seeds: Floats | None
    errors: Mapping[str, Sequence[str | None]]
    seconds: dict[str, float]
    one_off_seconds: dict[str, float]

    def reason(self, name: str, index: int) -> str | None:
        """Why a network failed, where the caller said so."""
        return self.errors[name][index] if name in self.errors else None


def read_inputs(
    scores: Mapping[str, ArrayLike],
    reference: ArrayLike,
    baselines: Mapping[str, ArrayLike] | None,
    ids: Sequence[object] | None,
    live_params: ArrayLike | None,
    seeds: ArrayLike | None,
    errors: Mapping[str, Sequence[str | None]] | None,
    seconds: Mapping[str, ArrayLike] | None,
    one_off_seconds: Mapping[str, float] | None,
    seed: int,
) -> Inputs:
    """Arguments of `compare` as arrays; errors as there."""
    y = _array("the reference", reference)
    check_reference(check_pair(y, y)[1])
    n = len(y)
    live = None if live_params is None else _array("live_params", live_params, n)
    if live is not None and not np.isfinite(live).all():
        raise DataError("some live_params are not finite", got=int((~np.isfinite(live)).sum()), expected="counts")
    if baselines is None:
        baselines = {} if live is None else {LIVE_PARAMETERS: live}
        baselines = {**baselines, RANDOM_ORDER: np.random.default_rng(seed).permutation(n)}
    _check_names(scores, baselines, errors, seconds, one_off_seconds)
    table = None if seeds is None else np.asarray(seeds, dtype=float)
    if table is not None and (table.ndim != 2 or len(table) != n):
        raise DataError("seeds do not match the reference", got=f"shape {table.shape}", expected=f"[{n}, seeds]")
    for name, reasons in (errors or {}).items():
        if len(reasons) != n:
            raise DataError(f"errors of {name!r} do not match the reference", got=len(reasons), expected=n)
    return Inputs(
        estimates={name: _array(f"{name!r}", values, n) for name, values in {**scores, **baselines}.items()},
        baselines=frozenset(baselines),
        reference=y,
        ids=None if ids is None else _unique(ids, n),
        live_params=live,
        seeds=table,
        errors=errors or {},
        seconds={name: _mean_seconds(name, value) for name, value in (seconds or {}).items()},
        one_off_seconds={name: _mean_seconds(name, value) for name, value in (one_off_seconds or {}).items()},
    )


def _array(what: str, values: ArrayLike, n: int | None = None) -> Floats:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        expected = "[n] numbers, NaN where an estimate failed"
        fix = "of scores: [score.value for score in scores]" if "'Score'" in str(error) else None
        raise DataError(f"{what} is not a list of numbers", got=str(error), expected=expected, fix=fix) from error
    if array.ndim != 1 or (n is not None and len(array) != n):
        expected = "[n]" if n is None else f"({n},), one value for each reference, in the same order"
        raise DataError(f"{what} has the wrong shape", got=f"{array.shape}", expected=expected)
    return array


def _check_names(
    scores: Mapping[str, ArrayLike], baselines: Mapping[str, ArrayLike], *extras: Mapping[str, object] | None
) -> None:
    if not scores:
        raise ConfigError("there is no estimator to compare", got={}, expected="scores={name: [n] numbers}")
    if twice := sorted(set(scores) & set(baselines)):
        raise ConfigError("a name is both an estimator and a baseline", got=twice, fix="rename one of them")
    for extra in extras:
        if unknown := sorted(set(extra or {}) - set(scores) - set(baselines)):
            raise ConfigError(
                "costs or errors are given for rows that do not exist",
                got=unknown,
                expected=f"names among {sorted([*scores, *baselines])}",
            )


def _unique(ids: Sequence[object], n: int) -> tuple[str, ...]:
    names = tuple(str(one) for one in ids)
    if len(names) != n:
        raise DataError("ids do not match the reference", got=len(names), expected=n)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            "some networks appear more than once",
            got=f"{len(repeated)} repeated ids, the first {repeated[0]!r}",
            expected="every network once",
            fix="average the repetitions, or pass them as seeds",
        )
    return names


def _mean_seconds(name: str, value: ArrayLike) -> float:
    """Mean over the networks that have a time; total cost is this times n."""
    times = np.atleast_1d(np.asarray(value, dtype=float))
    times = times[np.isfinite(times)]
    if len(times) == 0 or (times < 0).any():
        raise DataError(f"the seconds of {name!r} are not times", got=value, expected="0 or more")
    return float(times.mean())


def compare(
    scores: Mapping[str, ArrayLike],
    reference: ArrayLike,
    *,
    baselines: Mapping[str, ArrayLike] | None = None,
    ids: Sequence[object] | None = None,
    live_params: ArrayLike | None = None,
    seeds: ArrayLike | None = None,
    errors: Mapping[str, Sequence[str | None]] | None = None,
    seconds: Mapping[str, ArrayLike] | None = None,
    one_off_seconds: Mapping[str, float] | None = None,
    ks: Sequence[int] = (10,),
    min_level: int = 15,
    bootstrap: int = 1000,
    seed: int = 0,
    reference_name: str = "reference",
    reference_unit: str = "",
    warnings: Sequence[str] = (),
) -> Comparison:
    """Compares estimators with one reference, on the networks that all of them could judge.

    A row that failed on more than half of the networks, or left fewer than ten, is set aside: it is shown
    with its count of failures and takes no networks away from the others. All other rows stand on their
    common subset, so that their numbers can be compared.

    Args:
        scores: {estimator: [n]}, higher is better, NaN where it failed; `[score.value for score in ...]` is one.
        reference: [n] measured values, higher is better, finite.
        baselines: {baseline: [n]} to be shown beneath; by default live parameters (if given) and a random order.
        ids: [n] names of the networks, unique.
        live_params: [n] parameters on a path from input to output; ranks inside equal counts are added.
        seeds: [n, seeds] references of several trainings (NaN where missing), from which the ceiling is taken.
        errors: {estimator: [n]} why a network failed, None where it did not.
        seconds: {row: seconds a network, or [n] of them}.
        one_off_seconds: {row: seconds paid once, before the first network}.
        ks: sizes of the top for precision and regret.
        min_level: smallest group of equal parameter count that counts; 5 or so for small samples.
        bootstrap: resamples behind the intervals; 0 for none.
        seed: of the resamples and of the random order.
        reference_name: where the reference comes from.
        reference_unit: its unit, which is also the unit of regret.
        warnings: what the reader of this comparison must know.

    Raises:
        DataError: lengths differ, references are not finite, constant or fewer than ten, ids repeat, or fewer
            than ten networks are left in common.
        ConfigError: scores have no names, or they clash or are unknown, or a setting is out of range.
    """
    if not isinstance(scores, Mapping):
        raise ConfigError("scores have names", got=type(scores).__name__, expected="{estimator: [n]}")
    data = read_inputs(scores, reference, baselines, ids, live_params, seeds, errors, seconds, one_off_seconds, seed)
    settings = Settings(tuple(ks), bootstrap, seed, min_level)
    aside = {name: reason for name in data.estimates if (reason := _set_aside(data.estimates[name]))}
    common = _common_subset(data, aside)
    groups = None if data.live_params is None else data.live_params[common]
    levels = None if groups is None else levels_of(groups, data.reference[common], min_level)
    rankings = {
        name: rank(values[common], data.reference[common], groups=groups, **asdict(settings))
        for name, values in data.estimates.items()
        if name not in aside
    }
    top, ceiling_warnings = _ceiling(data, settings)
    return Comparison(
        reference_name=reference_name,
        reference_unit=reference_unit,
        n_given=len(data.reference),
        n=int(common.sum()),
        ids=data.ids,
        reference=tuple(data.reference.tolist()),
        live_params=None if data.live_params is None else tuple(data.live_params.tolist()),
        levels=None if levels is None else Levels(len(levels), sum(map(len, levels))),
        ceiling=top,
        rows=_rows(data, rankings, aside),
        failures=tuple(
            Failure(name, data.ids[index] if data.ids else str(index), data.reason(name, int(index)))
            for name, values in data.estimates.items()
            for index in np.flatnonzero(~np.isfinite(values))
        ),
        warnings=(*warnings, *_warnings(data, rankings, aside, int(common.sum())), *ceiling_warnings),
        settings=settings,
    )


def _set_aside(values: Floats) -> str | None:
    ok = int(np.isfinite(values).sum())
    if ok >= max(MIN_ITEMS, len(values) / 2):
        return None
    return f"failed on {len(values) - ok} of {len(values)} networks"


def _common_subset(data: Inputs, aside: Mapping[str, str]) -> np.ndarray:
    used = [np.isfinite(values) for name, values in data.estimates.items() if name not in aside]
    common = np.logical_and.reduce(used) if used else np.zeros(len(data.reference), bool)
    estimators = [name for name in data.estimates if name not in data.baselines and name not in aside]
    if common.sum() >= MIN_ITEMS and estimators:
        return common
    told = [
        f"{name} failed on {len(failed)}: {(data.reason(name, int(failed[0])) or 'no reason given').splitlines()[0]}"
        for name, values in data.estimates.items()
        if len(failed := np.flatnonzero(~np.isfinite(values)))
    ]
    raise DataError(
        "there are too few networks that the estimators could judge in common",
        got="; ".join([f"{int(common.sum()) if estimators else 0} of {len(common)}", *told]),
        expected=f"at least {MIN_ITEMS}",
        fix="look at the failures, or compare the estimators one by one",
    )


def _rows(data: Inputs, rankings: Mapping[str, Ranking], aside: Mapping[str, str]) -> tuple[Row, ...]:
    bar, counting = (_strongest(data, rankings, key) for key in ("kendall", "concordance"))
    rows = []
    for name, values in data.estimates.items():
        found, is_baseline = rankings.get(name), name in data.baselines
        rows.append(
            Row(
                name=name,
                kind="baseline" if is_baseline else "estimator",
                n=found.n if found else 0,
                failed=int((~np.isfinite(values)).sum()),
                set_aside=aside.get(name),
                seconds=data.seconds.get(name),
                one_off_seconds=data.one_off_seconds.get(name),
                statistics=dict(found.statistics) if found else {},
                versus=None if found is None or is_baseline else _versus(found, rankings, bar, counting),
                estimates=tuple(value if np.isfinite(value) else None for value in values.tolist()),
            )
        )
    return tuple(rows)


def _strongest(data: Inputs, rankings: Mapping[str, Ranking], key: str) -> str | None:
    """The baseline of the highest value; None where none gives an order."""
    bars = {name: rankings[name][key].value for name in data.estimates if name in data.baselines and name in rankings}
    known = {name: value for name, value in bars.items() if value is not None}
    return max(known, key=lambda name: known[name], default=None)


def _versus(found: Ranking, rankings: Mapping[str, Ranking], bar: str | None, counting: str | None) -> Versus | None:
    if bar is None or counting is None:
        return None
    pairs = difference(found, rankings[counting], "concordance")
    return Versus(bar, difference(found, rankings[bar]), counting, pairs)


def _ceiling(data: Inputs, settings: Settings) -> tuple[Ceiling | None, list[str]]:
    if data.seeds is None:
        return None, []
    complete = int(np.isfinite(data.seeds).all(1).sum())
    if complete < MIN_ITEMS:
        return None, [
            f"No ceiling: only {complete} networks were trained with all {data.seeds.shape[1]} seeds, "
            f"and fewer than {MIN_ITEMS} cannot be ranked."
        ]
    found = ceiling(data.seeds, groups=data.live_params, **asdict(settings))
    return Ceiling(found.n, data.seeds.shape[1], dict(found.statistics)), []


def _warnings(data: Inputs, rankings: Mapping[str, Ranking], aside: Mapping[str, str], n: int) -> list[str]:
    found = [f"{name} is set aside: it {reason}." for name, reason in aside.items()]
    failed = [name for name, values in data.estimates.items() if name not in aside and not np.isfinite(values).all()]
    if failed:
        found.append(
            f"Compared on the {n} of {len(data.reference)} networks that every row could judge; "
            f"{', '.join(failed)} failed on some, which are listed and not ranked."
        )
    found += [
        f"{name} gives every network the same value: there is no order to measure."
        for name, ranking in rankings.items()
        if ranking["kendall"].value is None
    ]
    return found
