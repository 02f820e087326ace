"""Members of any space: drawn at random, and the live part of their networks, which is what they really compute.

Architectures are members of the space, or its official strings. A string that is none, or what is no member, raises
`ArchitectureError` everywhere here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

import numpy as np
from torch import nn

from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError
from ghn.graph.canonical import canonical_hash
from ghn.graph.diagram import Diagram, graph_diagram
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.graph.stats import PROPERTIES, GraphStats, count_params, graph_properties, graph_stats
from ghn.types import Arch, Drawn, Finite, Network, Space, member_of, network_of

TRIES = 1000  # draws in a row without a new function after which a space counts as exhausted


def is_one(space: Space[Any], given: Any) -> bool:
    """Whether this is an architecture: members may be sequences of parts, as lists of architectures are."""
    if isinstance(given, str | nn.Module | Graph | Network) or not isinstance(given, Iterable):
        return True
    if isinstance(given, Iterator):  # which looking at would use up
        return False
    try:
        space.format(given)
    except Exception:  # whatever a space raises for a list of members
        return False
    return True


def check_list(space: Space[Any], what: str, given: Any) -> None:
    """Raises `ConfigError` for one architecture that is not in a list, and for what is none."""
    if is_one(space, given):
        got = f"{type(given).__name__}: {str(given)[:100]}"
        raise ConfigError(f"{what} takes a list of architectures", got=got, fix="put it into a list")


def draw_distinct(space: Space[Arch], n: int, rng: Random) -> list[Arch]:
    """Up to `n` architectures that compute different functions.

    A space that can list its functions gives `n` of them, or all there are; of any other, `n` members are drawn and
    those left out whose function came before.
    """
    if isinstance(space, Finite):
        every = space.distinct()
        return rng.sample(every, min(n, len(every)))
    return list({space.canonical(arch): arch for arch in (space.sample(rng) for _ in range(n))}.values())


def draw_new(space: Space[Arch], rng: Random, seen: set[Hashable]) -> Arch | None:
    """A random member whose function is not among `seen`, to which it is added; None when none turns up."""
    for _ in range(TRIES):
        arch = space.sample(rng)
        if (key := space.canonical(arch)) not in seen:
            seen.add(key)
            return arch
    return None


def live_network(space: Space[Any], arch: Any) -> Network:
    """The live part of a network, where it can be taken; else the network."""
    return network_of(space, arch).live()


def live_graph(space: Space[Any], arch: Any) -> Graph:
    """The network in the normal form of `simplify`: without what the output does not depend on."""
    return simplify(network_of(space, arch).graph)


def diagrams(space: Space[Any], arch: Any) -> Sequence[Diagram]:
    """What is drawn of an architecture, or of its official string: what its space says, else its live graph."""
    if isinstance(space, Drawn):
        return space.diagrams(member_of(space, arch))
    return [graph_diagram(live_graph(space, arch))]


def network_hash(space: Space[Any], arch: Any) -> str:
    """The canonical hash of what a member computes: equal for those whose live networks are isomorphic."""
    return canonical_hash(live_network(space, arch).graph)


def live_stats(space: Space[Any], arch: Any) -> GraphStats:
    """Parameters, multiply-adds, depth and width of the live part."""
    return graph_stats(live_graph(space, arch))


def live_params(space: Space[Any], arch: Any) -> int:
    """Number of live parameters: the count that every estimator has to beat."""
    return count_params(live_graph(space, arch))


def space_properties(space: Space[Any], archs: Sequence[Any]) -> dict[str, Floats]:
    """The properties of n networks that an estimator's errors may go with, {name: [n]}; see `PROPERTIES`."""
    each = [graph_properties(network_of(space, arch).graph) for arch in archs]
    return {name: np.array([one[name] for one in each]) for name in PROPERTIES}
