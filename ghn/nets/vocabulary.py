"""What a hypernetwork has to know of a space: operations of its networks, kinds of parameters, sizes of kernels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from ghn.errors import GhnError
from ghn.graph.ir import Graph
from ghn.nets.ghn import KERNEL, GHNConfig
from ghn.nets.heads import kernel_sides
from ghn.spaces import skeletons_of
from ghn.types import Finite, Space

MEMBERS = 200  # networks that are looked at
UNCHANGED = 64  # of these, so many in a row without anything new end it
LARGE_KERNEL = 5  # of the decoder where there are kernels larger than the usual; still larger ones are interpolated


def grown_for(config: GHNConfig, space: Space[Any], skeletons: Sequence[Mapping[str, Any]] = ()) -> GHNConfig:
    """The config of a hypernetwork that knows what the networks of a space hold; an equal one where it does already.

    Where there are operations beyond the base ones it sees the attributes of nodes too. A kernel size that is left open
    is 5 where there are convolutions with larger kernels than 3, else 3. All networks of a small space
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
    kernel, unchanged = KERNEL, 0
    for graph in _all_of(variants) if small else _some_of(variants, rng):
        known = len(operations) + len(kinds)
        operations.update(node.op for node in graph.nodes)
        for param in graph.params():
            kinds.add(param.kind)
            if param.kind == "conv_weight" and max(kernel_sides(param.shape)) > KERNEL:
                kernel = LARGE_KERNEL
        unchanged = unchanged + 1 if known == len(operations) + len(kinds) else 0
        if unchanged >= UNCHANGED and not small:
            break
    return replace(config.grown(operations, kinds), kernel=config.kernel or kernel)


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
