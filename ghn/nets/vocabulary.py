"""What a hypernetwork has to know of a space: which operations its networks hold, and which kinds of parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from ghn.errors import GhnError
from ghn.graph.ir import Graph
from ghn.nets.ghn import GHNConfig
from ghn.spaces import skeletons_of
from ghn.types import Finite, Space

MEMBERS = 200  # networks that are looked at
UNCHANGED = 64  # of these, so many in a row without anything new end it


def grown_for(config: GHNConfig, space: Space[Any], skeletons: Sequence[Mapping[str, Any]] = ()) -> GHNConfig:
    """The config of a hypernetwork that knows what the networks of a space hold; an equal one where it does already.

    Where there are operations beyond the base ones it sees the attributes of nodes too. All networks of a small space
    are looked at, and up to 200 draws of any other. Of what only rarer ones hold the hypernetwork warns when it meets
    them, as of any operation that it has never met.

    Args:
        config: to start from.
        space: of the architectures.
        skeletons: variants of it, over which the networks are spread.
    """
    variants, rng = skeletons_of(space, skeletons), Random("vocabulary")
    small = isinstance(space, Finite) and len(space.distinct()) * len(variants) <= MEMBERS
    operations: set[str] = set()
    kinds: set[str] = set()
    unchanged = 0
    for graph in _all_of(variants) if small else _some_of(variants, rng):
        known = len(operations) + len(kinds)
        operations.update(node.op for node in graph.nodes)
        kinds.update(param.kind for param in graph.params())
        unchanged = unchanged + 1 if known == len(operations) + len(kinds) else 0
        if unchanged >= UNCHANGED and not small:
            break
    return config.grown(operations, kinds)


def _all_of(variants: Sequence[Any]) -> Iterator[Graph]:
    """Each network in each variant of its space."""
    return (variant.network(arch).graph for variant in variants for arch in variant.distinct())


def _some_of(variants: Sequence[Space[Any]], rng: Random) -> Iterator[Graph]:
    """Random networks, in one variant after the other; what cannot be built is the business of whoever trains on it."""
    for k in range(MEMBERS):
        variant = variants[k % len(variants)]
        arch = variant.sample(rng)
        try:
            graph = variant.network(arch).graph
        except GhnError:
            continue
        yield graph
