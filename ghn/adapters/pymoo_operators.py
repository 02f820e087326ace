"""Architectures as rows of numbers, and the operators of pymoo's genetic algorithms that stay in their space."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice
from random import Random
from typing import Any

import numpy as np

from ghn.errors import ArchitectureError
from ghn.extras import check_extra
from ghn.search.draws import NEAR
from ghn.spaces.choices import Decisions

check_extra("pymoo", "pymoo")

from pymoo.core.duplicate import DuplicateElimination  # noqa: E402
from pymoo.core.mutation import Mutation  # noqa: E402
from pymoo.core.sampling import Sampling  # noqa: E402
from pymoo.operators.crossover.ux import UX  # noqa: E402


class Rows:
    """Rows of option numbers, one for each choice of a space."""

    def __init__(self, space: Decisions[Any]) -> None:
        self.space = space

    def row(self, arch: Any) -> list[int]:
        """The row of a member."""
        return list(self.space.to_choices(arch))

    def member(self, row: Sequence[int]) -> Any:
        """The architecture of a row; options that no member has give way to others. ArchitectureError: dead ends."""
        chosen: list[int] = []
        for option in map(int, row):
            allowed = self.space.allowed(chosen)
            chosen.append(option if option in allowed else allowed[option % len(allowed)])
        return self.space.from_choices(chosen)

    def key(self, row: Sequence[int]) -> Hashable:
        """Equal for rows of one function."""
        try:
            return self.space.canonical(self.member(row))
        except ArchitectureError:
            return tuple(row)

    def __deepcopy__(self, memo: Any) -> Rows:  # pymoo copies its algorithms
        return self


def operators(rows: Rows) -> dict[str, Any]:
    """Draws and mutations of the space, and no function twice."""
    same = SameFunction(lambda population: [rows.key(row) for row in population.get("X")])
    members, near = Members(), Neighbour()
    members.rows = near.rows = rows
    return {"sampling": members, "crossover": UX(), "mutation": near, "eliminate_duplicates": same}


class Members(Sampling):
    """Draws members of the space."""

    rows: Rows

    def _do(self, problem: Any, n: int, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
        rng = Random(int(random_state.integers(2**32)))
        return np.array([self.rows.row(self.rows.space.sample(rng)) for _ in range(n)])


class Neighbour(Mutation):
    """Takes each architecture to one that is an edit away."""

    rows: Rows

    def _do(self, problem: Any, X: Any, *args: Any, random_state: Any = None, **kwargs: Any) -> Any:
        return np.array([self._near(row, random_state) for row in X])

    def _near(self, row: Sequence[int], rng: np.random.Generator) -> Sequence[int]:
        try:
            near = list(islice(self.rows.space.neighbours(self.rows.member(row)), NEAR))
            return self.rows.row(near[rng.integers(len(near))]) if near else row
        except ArchitectureError:  # of the row, or a neighbour that has no row
            return row


class SameFunction(DuplicateElimination):
    """Leaves one row of each function."""

    def _do(self, pop: Any, other: Any, is_duplicate: Any) -> Any:
        seen = set() if other is None else set(self.func(other))
        for i, key in enumerate(self.func(pop)):
            is_duplicate[i] = key in seen
            seen.add(key)
        return is_duplicate
