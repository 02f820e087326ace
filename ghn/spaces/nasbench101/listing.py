"""All cells of NAS-Bench-101: their number, each of them, and draws in which each is as likely as any other.

Cells are listed by what they read first: of all ways to connect so many vertices those that are first among their
forms, and of each the orders of its vertices that change nothing. Operations count once up to these.

Source: Ying et al. 2019, sec. 2.1: 423,624 unique cells.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, product
from random import Random
from typing import NamedTuple

from ghn.spaces.nasbench101.cells import MAX_EDGES, MAX_VERTICES, OPERATIONS, Cell, Edge, numbered, orders

Reads = tuple[tuple[int, ...], ...]  # for each vertex but the input those that it reads, as in `Cell`


class Wiring(NamedTuple):
    """How the vertices of some cells are connected, whatever they do."""

    reads: Reads
    symmetries: tuple[tuple[int, ...], ...]  # the orders of the vertices in which `reads` is the same

    def first(self, ops: tuple[str, ...]) -> bool:
        """Whether operations come first among those that a symmetry makes of them."""
        rank = [OPERATIONS.index(op) for op in ops]
        return all(rank <= [rank[v - 1] for v in order[1:-1]] for order in self.symmetries)

    @property
    def size(self) -> int:
        """Number of cells: the orbits of operations under the symmetries (Burnside's lemma)."""
        return sum(len(OPERATIONS) ** _cycles(order[1:-1]) for order in self.symmetries) // len(self.symmetries)

    def cells(self) -> Iterator[Cell]:
        """Each cell once, in its first form."""
        return (Cell(ops, self.reads) for ops in product(OPERATIONS, repeat=len(self.reads) - 1) if self.first(ops))

    def draw(self, rng: Random) -> Cell:
        """A cell, uniformly."""
        while True:
            ops = tuple(rng.choice(OPERATIONS) for _ in self.reads[1:])
            if self.first(ops):
                return Cell(ops, self.reads)


def _cycles(order: tuple[int, ...]) -> int:
    """Number of cycles of a permutation of 1, 2, ..."""
    left, count = set(order), 0
    while left:
        v, count = min(left), count + 1
        while v in left:
            left.remove(v)
            v = order[v - 1]
    return count


@lru_cache(maxsize=MAX_VERTICES)
def wirings(vertices: int) -> tuple[Wiring, ...]:
    """All ways to connect `vertices` of them, input and output included, each in its first form."""
    found = []
    for reads in _connected(vertices):
        edges: list[Edge] = [(s, t) for t, read in enumerate(reads, start=1) for s in read]
        own, symmetries = numbered(range(vertices), edges), []
        for order in orders(vertices, edges):
            other = numbered(order, edges)
            if other < own:
                break
            if other == own:
                symmetries.append(order)
        else:
            found.append(Wiring(reads, tuple(symmetries)))
    return tuple(found)


def _connected(vertices: int) -> Iterator[Reads]:
    """What each vertex reads, in every form: all vertices on paths from input to output, and not too many edges."""

    def grow(reads: Reads, edges: int, read: frozenset[int]) -> Iterator[Reads]:
        target = len(reads) + 1
        if target == vertices:
            if len(read) == vertices - 1:
                yield reads
            return
        most = MAX_EDGES - edges - (vertices - 1 - target)  # every later vertex needs an edge
        for sources in _subsets(target):
            if len(sources) <= most:
                yield from grow((*reads, sources), edges + len(sources), read.union(sources))

    return grow((), 0, frozenset())


@lru_cache(maxsize=MAX_VERTICES)
def _subsets(count: int) -> tuple[tuple[int, ...], ...]:
    """The sets of some of the first vertices, in the order of their bits; not the empty one."""
    return tuple(tuple(v for v in range(count) if bits >> v & 1) for bits in range(1, 1 << count))


def every_cell(most: int = MAX_VERTICES) -> Iterator[Cell]:
    """Every cell of at most so many vertices, each once, those with fewer vertices first."""
    return (cell for n in range(2, most + 1) for wiring in wirings(n) for cell in wiring.cells())


def count_cells(most: int = MAX_VERTICES) -> int:
    """Number of cells of at most so many vertices: 423,624 in all."""
    return sum(wiring.size for n in range(2, most + 1) for wiring in wirings(n))


def draw_cell(rng: Random) -> Cell:
    """A cell, all with the same probability."""
    every, cumulated = _weighted()
    return rng.choices(every, cum_weights=cumulated)[0].draw(rng)


@lru_cache(maxsize=1)
def _weighted() -> tuple[list[Wiring], list[int]]:
    """All wirings, and how many cells there are up to each."""
    every = [wiring for n in range(2, MAX_VERTICES + 1) for wiring in wirings(n)]
    return every, list(accumulate(wiring.size for wiring in every))
