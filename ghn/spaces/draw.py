"""Architectures drawn at random, each function once."""

from __future__ import annotations

from random import Random

from ghn.types import Arch, Finite, Space


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
