"""A member as named parameters, as tuners of hyperparameters have them: one for each decision, with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import isclose
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ghn.errors import ArchitectureError
from ghn.spaces.configs import config_of, member_of_config, options_of
from ghn.types import Arch, Space

Answer = Callable[[str, tuple[Any, ...]], Any]
"""Is asked for the value of a parameter: its name and its options."""


class Parameter(NamedTuple):
    """One decision of a member."""

    name: str
    options: tuple[Any, ...]  # strings, numbers, booleans or None
    value: Any  # one of them


@runtime_checkable
class Asks(Protocol):
    """A space that asks for decisions one by one, where which come next depends on those before."""

    def decide(self, answer: Answer) -> Any:
        """The member of some answers; `ArchitectureError` where one is no option."""

    def decided(self, arch: Any) -> Sequence[Parameter]:
        """What is asked of a member, in its order, with its own answers."""


def decide(space: Space[Arch], answer: Answer) -> Arch:
    """Asks for each parameter of a member, in order; of spaces that do not ask (`Asks`) all have the same.

    Raises:
        ArchitectureError: an answer is no option, or the answers together are no member.
        ConfigError: the space can neither be taken apart into choices nor listed.
    """
    if isinstance(space, Asks):
        member: Arch = space.decide(answer)
        return member
    return member_of_config(space, {name: answer(name, options) for name, options in options_of(space).items()})


def parameters(space: Space[Any], arch: Any) -> list[Parameter]:
    """The parameters of a member, in the order in which they are asked for.

    Raises:
        ConfigError: the space can neither be taken apart into choices nor listed.
    """
    if isinstance(space, Asks):
        return list(space.decided(arch))
    options = options_of(space)
    return [Parameter(name, options[name], value) for name, value in config_of(space, arch).items()]


def member_with(space: Space[Arch], values: Mapping[str, Any]) -> Arch:
    """The member of these values by name; others than it asks for are passed over, and floats may be rounded.

    Raises:
        ArchitectureError: a value is missing or no option, or they are no member together.
        ConfigError: the space can neither be taken apart into choices nor listed.
    """

    def answer(name: str, options: tuple[Any, ...]) -> Any:
        if name not in values:
            expected = f"one of {list(options)}"
            raise ArchitectureError(f"the choice {name!r} is missing", got=dict(values), expected=expected)
        value = values[name]
        near = (o for o in options if isinstance(o, float) and isinstance(value, float) and isclose(o, value))
        return next(near, value)

    return decide(space, answer)
