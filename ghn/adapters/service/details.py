"""One architecture as the page shows it: its decisions, its size, what it looks like, and what is one edit away."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from random import Random
from typing import Any

from ghn.adapters.service.schemas import Decision, DescribeRequest, DescribeResponse, Drawing, Neighbour
from ghn.adapters.service.served import Served
from ghn.errors import ConfigError
from ghn.graph.diagram import Diagram
from ghn.graph.layout import MOST, lay_out
from ghn.search.draws import NEAR
from ghn.spaces.choices import Decisions
from ghn.spaces.members import diagrams, live_stats

_rng = Random()


def describe(served: Served, asked: DescribeRequest) -> DescribeResponse:
    """Everything about an architecture that needs no generated weights.

    Raises:
        ArchitectureError: it is no member of the space.
        ConfigError: a string and choices at once, or choices that do not fit the space.
    """
    space = served.space
    arch = _meant(served, asked)
    choices, allowed, stats = None, [], live_stats(space, arch)
    if isinstance(space, Decisions):
        choices = list(space.to_choices(arch))
        allowed = [list(space.allowed(choices[:i])) for i in range(len(choices))]
    return DescribeResponse(
        space=served.name,
        architecture=space.format(arch),
        choices=choices,
        allowed=allowed,
        params=stats.params,
        macs=stats.macs,
        depth=stats.depth,
        drawings=[_drawing(one) for one in diagrams(space, arch) if len(one.labels) <= MOST],
        neighbours=_neighbours(served, arch, choices),
    )


def decisions(served: Served) -> list[Decision]:
    """The decisions of the space; none where it cannot be taken apart."""
    if not isinstance(served.space, Decisions):
        return []
    return [Decision(name=one.name, options=list(one.options)) for one in served.space.choices()]


def _meant(served: Served, asked: DescribeRequest) -> Any:
    """The member that is asked about, or one at random."""
    space = served.space
    if asked.architecture is not None:
        if asked.choices is not None:
            raise ConfigError("an architecture is given by its string or by its choices", fix="leave one of them out")
        return served.read(asked.architecture)
    if asked.choices is None:
        return space.sample(_rng)
    if not isinstance(space, Decisions):
        raise ConfigError(f"space {served.name} cannot be taken apart into decisions", fix="give an architecture")
    every = space.choices()
    if len(asked.choices) != len(every):
        raise ConfigError("an option for each decision", got=len(asked.choices), expected=len(every))
    chosen: list[int] = []
    for wanted in asked.choices:
        allowed = space.allowed(chosen)
        chosen.append(wanted if wanted in allowed else allowed[0])
    return space.from_choices(chosen)


def _neighbours(served: Served, arch: Any, choices: Sequence[int] | None) -> list[Neighbour]:
    """Those of other functions, each once: all, or as many as one request may ask about, drawn at random."""
    space = served.space
    near = {space.canonical(one): one for one in islice(space.neighbours(arch), NEAR)}
    near.pop(space.canonical(arch), None)
    text = space.format(arch)
    found = list(near.values())
    if len(found) > served.limits.networks:
        found = Random(text).sample(found, served.limits.networks)  # the same for the same architecture
    return [Neighbour(architecture=space.format(one), change=_change(space, choices, one)) for one in found]


def _change(space: Any, choices: Sequence[int] | None, other: Any) -> str:
    """Which decisions differ, in words."""
    if choices is None or not isinstance(space, Decisions):
        return ""
    pairs = zip(space.choices(), choices, space.to_choices(other), strict=True)
    return ", ".join(
        f"{one.name}: {one.options[a]} \N{RIGHTWARDS ARROW} {one.options[b]}" for one, a, b in pairs if a != b
    )


def _drawing(diagram: Diagram) -> Drawing:
    layout = lay_out(diagram)
    return Drawing(
        title=diagram.title,
        labels=list(diagram.labels),
        places=list(layout.nodes),
        ends=sorted(diagram.ends),
        links=list(diagram.edges),
        paths=[list(path) for path in layout.edges],
        left=layout.left,
        right=layout.right,
        layers=layout.layers,
    )
