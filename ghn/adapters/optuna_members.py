"""Which members of a space the completed trials of a study are, and what becomes of trials that are of none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from ghn.errors import ArchitectureError, ConfigError, DataError, check_known
from ghn.spaces.parameters import member_with
from ghn.types import Arch, Space, check_space

INCOMPLETE = ("refuse", "leave_out")  # what becomes of completed trials that lack a choice, or have others


def check_study(study: object) -> None:
    """Raises `ConfigError` for what is no study."""
    if not isinstance(study, optuna.Study):
        raise ConfigError(
            "no study of Optuna", got=type(study).__name__, expected="such as optuna.create_study() makes"
        )


def members_of_study(
    study: optuna.Study, space: Space[Arch], incomplete: str = "refuse"
) -> list[tuple[FrozenTrial, Arch]]:
    """The completed trials of a study, each with its member; one of `INCOMPLETE` says what becomes of the others.

    Raises:
        ConfigError: it is none of these.
        DataError: one is of no member, and is refused: the study is of another space.
    """
    check_study(study)
    check_space(space)
    check_known("way to take trials that are of no member", incomplete, INCOMPLETE)
    found, others = members_and_others(study.get_trials(False, (TrialState.COMPLETE,)), space)
    if others:
        refuse_or_leave_out(others, space, incomplete)
    return found


def members_and_others(
    trials: Sequence[FrozenTrial], space: Space[Arch]
) -> tuple[list[tuple[FrozenTrial, Arch]], dict[int, str]]:
    """Completed trials, each with its member; and by number why others have none."""
    found, others = list[tuple[FrozenTrial, Arch]](), dict[int, str]()
    for trial in trials:
        try:
            found.append((trial, member_with(space, trial.params)))
        except ArchitectureError as error:
            others[trial.number] = str(error)
    return found, others


def refuse_or_leave_out(others: Mapping[int, str], space: Space[Any], incomplete: str) -> None:
    """Raises `DataError` for trials that are of no member, or says in a line that they are left out."""
    number, why = next(iter(others.items()))
    if incomplete == "refuse":
        raise DataError(
            f"the study is of another space, or its objective asks for other choices: trial {number}",
            got=why,
            expected=f"the choices of a member of space {space.name} in each completed trial",
            fix='begin another study, which keeps this one as it is; or incomplete="leave_out"',
        )
    numbers = ", ".join(map(str, list(others)[:5])) + (", ..." if len(others) > 5 else "")
    what = f"completed trials that are of no member of space {space.name}, and are left out: {len(others)} ({numbers})"
    warnings.warn(f"{what}; trial {number}: {why.splitlines()[0]}", stacklevel=3)
