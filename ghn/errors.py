"""Every error that ghn raises on purpose: what was wrong, what was expected, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from math import inf, nan
from numbers import Integral, Real
from typing import Any

from ghn.shown import LONGEST, shown

SAME = {"gpu": "cuda"}  # what is often called otherwise
MOST_SEED = 2**32 - 1  # which torch, numpy and scikit-learn all take


class GhnError(Exception):
    """Base of all errors raised on purpose.

    They say what is wrong and where; what was `got`, shown with `repr` unless it is a string; what was `expected`; and
    what the user can do now (`fix`). All of it is text, and each part is an attribute too. Long parts are shortened,
    and what a terminal would obey is escaped (`ghn.shown`): any of it may come from a file.
    """

    def __init__(self, what: str, *, got: object = None, expected: object = None, fix: str | None = None) -> None:
        self.what = shown(what.rstrip("."), 4 * LONGEST)  # holds the whole of another error, at times
        self.got, self.expected, self.fix = (None if one is None else shown(one) for one in (got, expected, fix))
        parts = [self.what]
        if got is not None:
            parts.append(f"  got:      {self.got}")
        if expected is not None:
            parts.append(f"  expected: {self.expected}")
        if fix is not None:
            parts.append(f"  to do:    {self.fix}")
        super().__init__("\n".join(parts))


class GraphError(GhnError, ValueError):
    """A computation graph, or a node in it, is not valid."""


class MorphismError(GhnError, ValueError):
    """A morphism does not apply to a network, which is left as it was."""


class ArchitectureError(GhnError, ValueError):
    """An architecture is not a member of its space."""


class DataError(GhnError, ValueError):
    """A dataset is missing, damaged, or of the wrong shape."""


class CheckpointError(GhnError, ValueError):
    """A checkpoint is damaged, foreign, or made for something else."""


class OtherSpaceError(CheckpointError):
    """The checkpoint that is shipped is of another space."""


class NotShippedError(CheckpointError):
    """What is shipped apart from the package - trainings of the survey - is not here."""


class ConfigError(GhnError, ValueError):
    """A setting is unknown, contradictory or out of range."""


class NothingToLearnError(ConfigError):
    """Too few trained networks are known for what learns from them."""


class TrainingError(GhnError, RuntimeError):
    """Training cannot go on; the last good state has been kept."""


class RankError(GhnError, RuntimeError):
    """Another process of the same training has ended, or has never joined; what was saved is kept."""


class EstimatorError(GhnError, RuntimeError):
    """An estimator does not keep to its contract, or fails for one candidate after the other."""


class ExistsError(GhnError, FileExistsError):
    """Something the user made would be overwritten."""


class WriteError(GhnError, OSError):
    """A file or folder cannot be written: the disk is full, or something stands in the way; what was there is kept."""

    def __init__(self, what: str, number: int | None = None, **told: str | None) -> None:
        super().__init__(what, **told)
        self.errno = number


class MissingExtraError(GhnError, ImportError):
    """An optional dependency is needed and not installed."""


def check_known(what: str, got: object, known: Iterable[object]) -> None:
    """Refuses a name of `what` that is none of those that there are."""
    if got not in (known := list(known)):
        fix = meant(got, known) or "take one of these"
        raise ConfigError(f"unknown {what}", got=got, expected=" | ".join(map(str, known)), fix=fix)


def meant(got: object, known: Iterable[object], most: int = 2) -> str | None:
    """A question after the names that are nearest to one that there is not; None where none is near."""
    names = list(dict.fromkeys(str(one) for one in known))
    same = SAME.get(str(got).lower())
    near = [same] if same in names else get_close_matches(str(got), names, n=most, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else None


def check_counts(where: str, least: int = 1, **counts: object) -> None:
    """Refuses settings that are not whole numbers of at least `least`; `where` stands before their names."""
    for name, value in counts.items():
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ConfigError(f"{where}{name} must be a whole number of at least {least}", got=value)


def check_numbers(
    where: str,
    *,
    least: float | None = None,
    above: float | None = None,
    most: float | None = None,
    below: float | None = None,
    **numbers: object,
) -> None:
    """Refuses settings that are no finite numbers, or outside a range; `where` stands before their names."""
    ends = {"of at least": least, "above": above, "of at most": most, "below": below}
    words = " and ".join(f"{end} {limit:g}" for end, limit in ends.items() if limit is not None)
    low, high = (-inf if least is None else least), (inf if most is None else most)
    for name, value in numbers.items():
        number: Any = value if isinstance(value, Real) and not isinstance(value, bool) else nan
        inside = low <= number <= high and (above is None or number > above) and (below is None or number < below)
        if not inside or abs(number) == inf:
            raise ConfigError(f"{where}{name} must be a number {words}".rstrip(), got=value)


def check_seeds(where: str, **seeds: object) -> None:
    """Refuses seeds that are not whole numbers from 0 to `MOST_SEED`; `where` stands before their names."""
    for name, value in seeds.items():
        seed: Any = value if isinstance(value, Integral) and not isinstance(value, bool) else -1
        if not 0 <= seed <= MOST_SEED:
            raise ConfigError(f"{where}{name} must be a whole number from 0 to {MOST_SEED}", got=value)


def check_settings(error: type[GhnError], where: object, found: object, wanted: Mapping[str, object], fix: str) -> None:
    """Refuses what was made with other settings than those of now, and says which they are, down to the last level.

    The settings `found` in a file or folder (`where`) are none if they are not a mapping.
    """
    old, new = _differing(found if isinstance(found, Mapping) else {}, wanted)
    if old or new:
        which = ", ".join(sorted({*old, *new}))
        got, expected = f"{old}, with which it was made", f"{new}, as given now"
        raise error(f"{where} was made with other settings: {which} differ", got=got, expected=expected, fix=fix)


def _differing(old: Mapping[str, object], new: Mapping[str, object]) -> tuple[dict[str, object], dict[str, object]]:
    """What differs, on both sides; of nested settings only those that do."""
    first: dict[str, object] = {}
    second: dict[str, object] = {}
    for key in sorted(k for k in {*old, *new} if old.get(k) != new.get(k)):
        a, b = old.get(key), new.get(key)
        both = isinstance(a, Mapping) and isinstance(b, Mapping)
        first[key], second[key] = _differing(a, b) if both else (a, b)  # type: ignore[arg-type]
    return first, second
