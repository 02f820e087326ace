"""What a surrogate could propose: members of a space drawn at random, none that cannot be trained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from itertools import islice
from random import Random
from typing import Generic

from ghn.spaces.members import TRIES, draw_new
from ghn.types import Arch, Space, member_of

NEAR = 1000  # neighbours of each that are looked at


class Draws(Generic[Arch]):
    """One sequence of random numbers, and what is drawn from a space by it.

    Args:
        space: of the architectures.
        allows: says which networks can be trained at all.
        seed: None: anyhow.
    """

    def __init__(self, space: Space[Arch], allows: Callable[[Arch], bool], seed: int | None) -> None:
        self.space, self.allows, self._rng = space, allows, Random(seed)

    def some(self, archs: Sequence[Arch], n: int) -> list[Arch]:
        """Up to `n` of a list."""
        return self._rng.sample(archs, min(n, len(archs)))

    def of(self, among: Sequence[Arch | str], n: int, known: Collection[Hashable]) -> list[Arch]:
        """Up to `n` of a list of members that are allowed and not known."""
        members: list[Arch] = [member_of(self.space, one) for one in among]
        return self.some([a for a in members if self.space.canonical(a) not in known and self.allows(a)], n)

    def near(self, parents: Sequence[Arch], n: int) -> list[Arch]:
        """Up to `n` allowed neighbours of each parent."""
        found: list[Arch] = []
        for parent in parents:
            found += self.some([one for one in islice(self.space.neighbours(parent), NEAR) if self.allows(one)], n)
        return found

    def members(self, n: int, known: Collection[Hashable]) -> list[Arch]:
        """Up to `n` members that are not known, each once; fewer where many in a row are not allowed."""
        seen, found, refused = set(known), list[Arch](), 0
        while len(found) < n and refused < TRIES and (arch := draw_new(self.space, self._rng, seen)) is not None:
            if self.allows(arch):
                found.append(arch)
                refused = 0
            else:
                refused += 1
        return found
