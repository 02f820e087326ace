"""A space as a sequence of decisions, for ENAS, and as one network with all options at once, for DARTS and banks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from ghn.errors import ConfigError
from ghn.graph.ir import Graph, GraphBuilder
from ghn.types import Arch, Space


class Choice(NamedTuple):
    """One decision."""

    name: str  # unique in the space, such as `0-1` for an edge
    options: tuple[str, ...]  # names of what can be chosen


class Supergraph(NamedTuple):
    """A network with several options at once."""

    graph: Graph  # its nodes are named as in `network`; options whose nodes have one name are told apart by `variant`
    choice_of: Mapping[str, int]  # name of a mixture's weight -> index of its choice, which may have one in each cell


@runtime_checkable
class Decisions(Space[Arch], Protocol[Arch]):
    """A space that can be taken apart into decisions."""

    def choices(self) -> tuple[Choice, ...]:
        """The decisions, in the order in which they are taken."""

    def allowed(self, chosen: Sequence[int]) -> Sequence[int]:
        """Options of the next choice that some member has, after these options of the choices before it."""

    def from_choices(self, chosen: Sequence[int]) -> Arch:
        """The member with these options, one a choice; `ArchitectureError` where no member has them."""

    def to_choices(self, arch: Arch) -> tuple[int, ...]:
        """The options of a member: what `from_choices` makes it of."""


@runtime_checkable
class Choices(Decisions[Arch], Protocol[Arch]):
    """A space whose decisions have options that stand side by side in one network."""

    def discretise(self, probabilities: Sequence[Sequence[float]]) -> Arch:
        """The member nearest to a mixture, by the rule of DARTS in this space; from each option's probability."""

    def supergraph(self, kept: Sequence[Sequence[int]] | None = None, *, mixed: bool = True) -> Supergraph:
        """The network with several options at once.

        Args:
            kept: the options of each choice that are there; None for all.
            mixed: whether they are weighted (`mix`) or added.
        """


def decision_space(space: Space[Any]) -> Decisions[Any]:
    """The space, where it can be taken apart into decisions; else `ConfigError`."""
    if not isinstance(space, Decisions):
        named = f"space {space.name}" if isinstance(space, Space) else repr(space)
        raise ConfigError(
            f"{named} cannot be taken apart into decisions, which a controller could take",
            fix="give it the methods of ghn.spaces.choices.Decisions, or use weights=oneshot or weights=ghn",
        )
    return space


def choice_space(space: Space[Any]) -> Choices[Any]:
    """The space, where its options stand side by side; else `ConfigError`."""
    if not isinstance(space, Choices):
        raise ConfigError(
            f"space {space.name} has no network in which all options stand side by side, so they cannot be mixed",
            fix="give it the methods of ghn.spaces.choices.Choices, or use weights=oneshot, enas, smash or ghn",
        )
    return space


def variant(name: str, option: str) -> str:
    """The name of a role where several options of it stand side by side."""
    return f"{name}@{option}"


def role_of(name: str) -> str:
    """The name of a role in the network of a member, from its name in a supergraph."""
    return re.sub("@[^/]*", "", name)


class Joint:
    """Joins the options of choices while a supergraph is built; settings are those of `Choices.supergraph`."""

    def __init__(self, kept: Sequence[Sequence[int]] | None, mixed: bool) -> None:
        self.kept, self.mixed = kept, mixed
        self.choice_of: dict[str, int] = {}  # as in `Supergraph`

    def options(self, choice: int, every: Sequence[str]) -> list[str]:
        """Names of the options of a choice that are there."""
        return list(every) if self.kept is None else [every[o] for o in self.kept[choice]]

    def join(self, b: GraphBuilder, terms: Sequence[int], name: str, choice: int) -> int:
        """Adds the node that joins `terms`, the options of a choice in a cell."""
        if not self.mixed:
            return b.add("sum", *terms, name=f"{name}/sum")
        self.choice_of[f"{name}/mix/weight"] = choice
        return b.add("mix", *terms, name=f"{name}/mix")
