"""From simple cells to complex ones: a cell of one path grows by a path at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product

from ghn.spaces.cells import Edge, EdgeCell

Ops = tuple[str, ...]


def chains(edges: Sequence[Edge], vocabulary: Sequence[str]) -> Iterator[Ops]:
    """Every cell that is a single path from the first node to the last.

    Args:
        edges: (from, to), nodes numbered in topological order.
        vocabulary: operations, the one that cuts an edge first.
    """
    yield from grown(EdgeCell(edges, [vocabulary[0]] * len(edges), vocabulary))


def grown(cell: EdgeCell) -> Iterator[Ops]:
    """Every cell with one path more: between two nodes in use, through nodes that are not.

    Each cell whose edges all lie on ways from input to output comes about so, a path at a time (an ear decomposition).
    What was there keeps its operations.

    Args:
        cell: with dead edges cut; without any path, its first and last node count as in use.
    """
    none, *ops = cell.vocabulary
    place = {edge: i for i, edge in enumerate(cell.edges)}
    last = max(target for _, target in cell.edges)
    used = {0, last} | {n for edge, op in zip(cell.edges, cell.ops, strict=True) if op != none for n in edge}
    for start, end in combinations(sorted(used), 2):
        idle = [node for node in range(start + 1, end) if node not in used]
        for count in range(len(idle) + 1):
            for between in combinations(idle, count):
                way = [place.get(edge) for edge in pairwise((start, *between, end))]
                if any(i is None or cell.ops[i] != none for i in way):
                    continue
                for chosen in product(ops, repeat=len(way)):
                    new = list(cell.ops)
                    for i, op in zip(way, chosen, strict=True):
                        new[i] = op  # type: ignore[index]
                    yield tuple(new)
