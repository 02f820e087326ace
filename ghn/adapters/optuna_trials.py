"""Trials of Optuna and members of a space: a parameter for each decision, of its name and with its options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from ghn.errors import ArchitectureError, ConfigError
from ghn.spaces.parameters import Parameter, decide, parameters
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


def _key(option: Any) -> tuple[type, Any]:
    return type(option), round(option, 9) if isinstance(option, float) else option
