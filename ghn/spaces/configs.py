"""Members of a space as configurations: a name of an option for each choice, as tools for hyperparameters know them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ghn.errors import ArchitectureError, ConfigError
from ghn.spaces.choices import Decisions
from ghn.types import Arch, Finite, Space

WHOLE = "arch"  # the one choice of a space that cannot be taken apart: its official string


def options_of(space: Space[Any]) -> dict[str, tuple[str, ...]]:
    """The choices of a space, each with its options; of one without decisions its networks, as one choice.

    Raises:
        ConfigError: it can neither be taken apart nor listed.
    """
    if isinstance(space, Decisions):
        return {choice.name: choice.options for choice in space.choices()}
    if isinstance(space, Finite):
        return {WHOLE: tuple(map(space.format, space.distinct()))}
    fix = "give it the methods of ghn.spaces.choices.Decisions, or `distinct`, which lists its networks"
    raise ConfigError(f"space {space.name} can neither be taken apart into choices nor listed", fix=fix)


def config_of(space: Space[Arch], arch: Arch) -> dict[str, str]:
    """The configuration of a member: {choice: option}, or {"arch": its official string}.

    Raises:
        ArchitectureError: no member.
    """
    if not isinstance(space, Decisions):
        return {WHOLE: space.format(arch)}
    chosen = space.to_choices(arch)
    return {choice.name: choice.options[i] for choice, i in zip(space.choices(), chosen, strict=True)}


def member_of_config(space: Space[Arch], config: Mapping[str, Any]) -> Arch:
    """The member of a configuration; what else is in it, such as a learning rate, is passed over.

    Every space understands {"arch": an official string}.

    Raises:
        ArchitectureError: a choice is missing, or has no such option; or no member has these options together.
    """
    choices = space.choices() if isinstance(space, Decisions) else ()
    if not isinstance(space, Decisions) or (WHOLE in config and WHOLE not in [choice.name for choice in choices]):
        return space.parse(_option(space, config, WHOLE))
    chosen = []
    for choice in choices:
        option = _option(space, config, choice.name)
        if option not in choice.options:
            what = f"no option of the choice {choice.name!r} in space {space.name}"
            raise ArchitectureError(what, got=option, expected=" | ".join(choice.options))
        chosen.append(choice.options.index(option))
    member: Arch = space.from_choices(chosen)
    return member


def _option(space: Space[Any], config: Mapping[str, Any], name: str) -> Any:
    if name not in config:
        what = f"a configuration of space {space.name} without the choice {name!r}"
        raise ArchitectureError(what, got=sorted(map(str, config)), fix="give an option for each choice of the space")
    return config[name]
