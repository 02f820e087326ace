"""References as a surrogate takes them: one for each function, or an error that says what is wrong with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.types import Score, Space, Trial, member_of

History = Sequence[tuple[Trial[Any], Score]]


def merge(space: Space[Any], history: History, tolerance: float) -> tuple[list[Any], np.ndarray]:
    """One architecture for each function (`space.canonical`), and the mean of its values [n].

    Args:
        space: of the architectures.
        history: references that did not fail.
        tolerance: how far values of one function may lie apart, in standard deviations of all values.

    Raises:
        ConfigError: references of several budgets.
        DataError: values of one function lie further apart.
        ArchitectureError: a reference is not a member of the space.
    """
    if len(budgets := {trial.budget for trial, _ in history}) > 1:
        raise ConfigError(
            "references of several budgets cannot be learnt from together",
            got=sorted(budgets, key=str),
            fix="give those of one budget, such as the greatest",
        )
    archs: dict[Hashable, Any] = {}
    readings: dict[Hashable, list[float]] = defaultdict(list)
    for trial, score in history:
        arch = member_of(space, trial.arch)
        key = space.canonical(arch)
        archs.setdefault(key, arch)
        readings[key].append(score.value)
    most = tolerance * float(np.std([score.value for _, score in history])) if history else 0.0
    if apart := {k: r for k, r in readings.items() if max(r) - min(r) > most}:
        worst = max(apart, key=lambda k: max(apart[k]) - min(apart[k]))
        raise DataError(
            f"{len(apart)} functions have references that disagree, such as {space.format(archs[worst])}",
            got=apart[worst],
            expected=f"values at most {most:.4g} apart (tolerance {tolerance} of their standard deviation)",
            fix="leave the wrong ones out, or raise `tolerance`",
        )
    return list(archs.values()), np.array([np.mean(readings[key]) for key in archs])
