"""Trained references as a user gives them: what cannot be used is named and counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import isfinite
from numbers import Real
from typing import Any

from ghn.analysis.correction import FEWEST
from ghn.errors import ConfigError, GhnError, check_known
from ghn.scoring.panel import Panel
from ghn.text import one_line
from ghn.types import Score, Space, Trial, network_of

UNUSABLE = ("refuse", "leave_out")  # what becomes of references that cannot be used; the first by default
SHOWN = 5  # of them, in messages

Given = tuple[Trial[Any], Score]


def check_references(
    space: Space[Any], references: Mapping[Any, float] | None, arch_of: Callable[[Any], Any], unusable: str
) -> list[Given]:
    """The references that can be learnt from, as an estimator's `fit` takes them.

    Args:
        space: of the architectures.
        references: architecture -> value, higher is better; None or empty: none.
        arch_of: makes of what was given what the space knows, such as a network of a module.
        unusable: `refuse` those that cannot be used, or `leave_out`, which warns and goes on with the others.

    Raises:
        ConfigError: this is no mapping; or, by `unusable`, an architecture that cannot be read or a value that is no
            finite number; or fewer than five are left.
    """
    check_known("choice for references that cannot be used (unusable=)", unusable, UNUSABLE)
    if references is None:
        return []
    if not isinstance(references, Mapping):
        raise ConfigError(
            "references are a mapping", got=type(references).__name__, expected="{architecture: accuracy}"
        )
    found: list[Given] = []
    wrong: list[str] = []
    for i, (given, value) in enumerate(references.items()):
        try:
            found.append((Trial(f"reference/{i}", _member(space, arch_of(given))), Score(_number(value))))
        except GhnError as error:
            wrong.append(f"{_name(given)}: {error.what}" + ("" if error.got is None else f", got {error.got}"))
    _settle(wrong, len(references), unusable)
    return found


def fit_references(panel: Panel, known: Sequence[Given], unusable: str) -> None:
    """Gives a panel its references, and has them read; those whose reading fails are named too.

    Raises:
        ConfigError: by `unusable`; or fewer than five are left.
    """
    panel.fit(known)
    _settle([f"{_name(arch)}: {why}" for arch, why in panel.unread_references()], len(known), unusable)


def _settle(wrong: Sequence[str], given: int, unusable: str) -> None:
    """Refuses what is wrong, or warns of it where enough is left."""
    if not wrong:
        return
    what = f"{len(wrong)} of {given} references cannot be used"
    named = "; ".join(wrong[:SHOWN]) + (f"; and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else "")
    if unusable == "refuse":
        raise ConfigError(what, got=named, fix='correct them, or go on without them: unusable="leave_out"')
    if given - len(wrong) < FEWEST:
        raise ConfigError(f"{what}, too few are left", got=named, expected=f"none, or at least {FEWEST} that can be")
    warnings.warn(f"{what} and are left out: {named}", stacklevel=4)


def _member(space: Space[Any], arch: Any) -> Any:
    """What was given, if a network can be made of it."""
    try:
        network_of(space, arch)
    except GhnError:
        raise
    except Exception as error:  # whatever a space raises for what is none of its members
        raise ConfigError(f"no architecture of the space {space.name}", got=repr(error)) from None
    return arch


def _number(value: object) -> float:
    """A finite number; whatever else there is has no place in an order."""
    if isinstance(value, Real) and not isinstance(value, bool):
        with suppress(OverflowError):  # of a whole number beyond all floats
            if isfinite(value):
                return float(value)
    raise ConfigError("its value is no finite number", got=repr(value))


def _name(arch: Any) -> str:
    """How an architecture is named in a message."""
    return one_line(arch if isinstance(arch, str) else f"{type(arch).__name__} {arch}")
