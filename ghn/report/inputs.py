"""Reads and checks the plain arrays that `compare` is given."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ghn.errors import ConfigError, DataError
from ghn.ranking.checks import check_pair, check_reference
from ghn.ranking.weighted import Floats

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
    """Arguments of `compare` as arrays; see there.

    Raises:
        DataError: a length differs, ids repeat, or live parameters are not finite.
        ConfigError: no estimator, a name used twice, or a name that no row has.
    """
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
        raise DataError(
            f"{what} is not a list of numbers",
            got=str(error),
            expected="[n] numbers, NaN where an estimate failed",
        ) from error
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise DataError(
            f"{what} has the wrong shape",
            got=f"{array.shape}",
            expected="[n]" if n is None else f"({n},), one value for each reference, in the same order",
        )
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
