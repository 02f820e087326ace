"""Architectures drawn at random, each function once."""

from __future__ import annotations

from collections.abc import Hashable
from random import Random

from ghn.types import Arch, Finite, Space

TRIES = 1000  # draws in a row without a new function after which a space counts as exhausted


def draw_distinct(space: Space[Arch], n: int, rng: Random) -> list[Arch]:
    """Up to `n` architectures that compute different functions.

    A space that can list its functions gives `n` of them, or all there are; of any other, `n` members are drawn and
    those left out whose function came before.

    Args:
        space: to draw from.
        n: how many.
        rng: of the draw.
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
