"""Wrong input to the ranking functions, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ghn.errors import ConfigError, DataError
from ghn.ranking.weighted import Floats

MIN_ITEMS = 10  # a rank correlation of fewer says nothing


def check_pair(estimate: ArrayLike, reference: ArrayLike) -> tuple[Floats, Floats]:
    """Two finite-or-failed [n] and finite [n] arrays, or a DataError."""
    x, y = np.asarray(estimate, dtype=float), np.asarray(reference, dtype=float)
    if x.ndim != 1 or x.shape != y.shape:
        raise DataError(
            "estimate and reference are not two lists of the same length",
            got=f"shapes {x.shape} and {y.shape}",
            expected="[n] and [n], one value an item, in the same order",
        )
    missing = ~np.isfinite(y)
    if missing.any():
        raise DataError(
            "some references are not finite",
            got=f"{int(missing.sum())} of {len(y)}, the first at index {int(missing.argmax())}",
            expected="a measured value for every item",
            fix="leave the items without a reference out of both arrays",
        )
    return x, y


def check_reference(y: Floats, failed: int = 0) -> Floats:
    """References with an order to recover, or a DataError."""
    if len(y) < MIN_ITEMS:
        raise DataError(
            "too few items to rank",
            got=f"{len(y)}" + (f" ({failed} more were dropped as failed)" if failed else ""),
            expected=f"at least {MIN_ITEMS}",
            fix="score more items that have a reference",
        )
    if np.ptp(y) == 0:
        raise DataError(
            "all references are equal, so there is no order to recover",
            got=f"{len(y)} times {y[0]:g}",
            expected="at least two different values",
        )
    return y


def check_settings(ks: Sequence[int], min_level: int, bootstrap: int) -> None:
    """A ConfigError for settings out of range."""
    if any(k != int(k) or k < 1 for k in ks):
        raise ConfigError("ks must be whole numbers of at least 1", got=list(ks), fix="for instance ks=(10,)")
    if min_level < 2:
        raise ConfigError("a group needs two items to have an order", got=min_level, expected="min_level >= 2")
    if bootstrap < 0:
        raise ConfigError("bootstrap counts resamples", got=bootstrap, expected="0 or more; 1000 is usual")
