"""The live part of a network: what it really computes, and its numbers; of a member of any space.

Architectures are members of the space, or its official strings. A string that is none, or what is no member, raises
`ArchitectureError` everywhere here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ghn.analysis.weighted import Floats
from ghn.graph.ir import Graph
from ghn.graph.simplify import simplify
from ghn.graph.stats import PROPERTIES, GraphStats, count_params, graph_properties, graph_stats
from ghn.types import Space, member_of


def live_graph(space: Space[Any], arch: Any) -> Graph:
    """The network in the normal form of `simplify`: without what the output does not depend on."""
    return simplify(space.network(member_of(space, arch)).graph)


def live_stats(space: Space[Any], arch: Any) -> GraphStats:
    """Parameters, multiply-adds, depth and width of the live part."""
    return graph_stats(live_graph(space, arch))


def live_params(space: Space[Any], arch: Any) -> int:
    """Number of live parameters: the count that every estimator has to beat."""
    return count_params(live_graph(space, arch))


def space_properties(space: Space[Any], archs: Sequence[Any]) -> dict[str, Floats]:
    """The properties of n networks that an estimator's errors may go with, {name: [n]}; see `PROPERTIES`."""
    each = [graph_properties(space.network(member_of(space, arch)).graph) for arch in archs]
    return {name: np.array([one[name] for one in each]) for name in PROPERTIES}
