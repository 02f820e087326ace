"""Trials of Optuna and members of a space: a parameter for each decision, of its name and with its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from ghn.errors import ArchitectureError, ConfigError, DataError
from ghn.spaces.parameters import Parameter, decide, member_with, parameters
from ghn.types import Arch, Space


def suggest_architecture(trial: optuna.Trial, space: Space[Arch]) -> Arch:
    """The member that a trial chooses, in an objective: each decision is asked for as a categorical parameter.

    Raises:
        TrialPruned: other samplers than `GHNSampler` do not know which options go together, and chose no member.
        ConfigError: the space can neither be taken apart into choices nor listed.
    """
    try:
        return decide(space, lambda name, options: trial.suggest_categorical(name, options))
    except ArchitectureError as error:
        raise optuna.TrialPruned(str(error)) from None


def settings_of(space: Space[Any], arch: Any) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Parameters and distributions of a member, as `optuna.create_trial` takes them."""
    own = parameters(space, arch)
    return {p.name: p.value for p in own}, {p.name: CategoricalDistribution(p.options) for p in own}


def check_options(distribution: BaseDistribution, own: Parameter) -> None:
    """Raises `ConfigError` unless an objective asks for exactly the options of a decision, in any order."""
    asked: Sequence[Any] = ()
    if isinstance(distribution, CategoricalDistribution):
        asked = distribution.choices
    elif isinstance(distribution, IntDistribution):
        asked = range(distribution.low, distribution.high + 1, distribution.step)
    elif isinstance(distribution, FloatDistribution) and (step := distribution.step) is not None:
        asked = [distribution.low + i * step for i in range(round((distribution.high - distribution.low) / step) + 1)]
    if {_key(option) for option in asked} != {_key(option) for option in own.options}:
        raise ConfigError(
            f"the objective asks for other options of {own.name!r} than the space has",
            got=str(distribution),
            expected=list(own.options),
            fix="ask for those of the space; or make another space, and another study with a sampler of it",
        )


def members_of_study(study: optuna.Study, space: Space[Arch]) -> list[tuple[FrozenTrial, Arch]]:
    """The completed trials of a study, each with its member.

    Raises:
        DataError: one is of no member: the study is of another space.
    """
    return [(trial, completed(space, trial)) for trial in study.get_trials(False, (TrialState.COMPLETE,))]


def completed(space: Space[Arch], trial: FrozenTrial) -> Arch:
    """The member of a completed trial; `DataError` where it is none."""
    try:
        return member_with(space, trial.params)
    except ArchitectureError as error:
        raise DataError(
            f"the study is of another space, or its objective asks for other choices: trial {trial.number}",
            got=str(error),
            expected=f"the choices of a member of space {space.name} in each completed trial",
            fix="begin another study, which keeps this one as it is",
        ) from None


def _key(option: Any) -> tuple[type, Any]:
    return type(option), round(option, 9) if isinstance(option, float) else option
