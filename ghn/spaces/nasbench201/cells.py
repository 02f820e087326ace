"""Cells as paths from input to output: their summary as features, and how cells grow by a path at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product
from statistics import fmean
from typing import NamedTuple

Edge = tuple[int, int]
Path = tuple[str, ...]
Ops = tuple[str, ...]  # one an edge


class EdgeCell(NamedTuple):
    """A cell with an operation on each edge.

    Attributes:
        edges: (from, to), nodes numbered in topological order.
        ops: the operation on each edge; `vocabulary[0]` on edges that are on no way from input to output.
        vocabulary: all operations: first the one that cuts an edge, then the one that changes nothing.
    """

    edges: Sequence[Edge]
    ops: Sequence[str]
    vocabulary: Sequence[str]

    def paths(self) -> list[Path]:
        """The operations on each path from the first node to the last; skips are left out."""
        return paths(self.edges, self.ops, none=self.vocabulary[0], skip=self.vocabulary[1])

    def labels(self) -> list[Path]:
        """Every path that a cell of this kind can have."""
        longest = max(len(p) for p in paths(self.edges, ["-"] * len(self.edges), none="", skip=""))
        return [p for length in range(longest + 1) for p in product(self.vocabulary[2:], repeat=length)]


def paths(edges: Sequence[Edge], ops: Sequence[str], *, none: str, skip: str) -> list[Path]:
    """The operations on each path from a cell's first node to its last; skips are left out.

    Source: White, Neiswanger & Savani, "BANANAS", AAAI 2021, sec. 4.1: path encoding.

    Args:
        edges: (from, to), nodes numbered in topological order.
        ops: the operation on each edge.
        none: the operation that cuts an edge.
        skip: the operation that changes nothing.
    """

    def walk(node: int) -> Iterator[Path]:
        if node == last:
            yield ()
        for (source, target), op in zip(edges, ops, strict=True):
            if source == node and op != none:
                for rest in walk(target):
                    yield rest if op == skip else (op, *rest)

    last = max(target for _, target in edges)
    return list(walk(0))


def path_features(found: Sequence[Path], *, conv: str, pointwise: str, pool: str) -> dict[str, float]:
    """Summary of a cell's paths: how many there are, and what they hold.

    Args:
        found: the paths.
        conv: name of the convolution that mixes pixels.
        pointwise: name of the 1x1 convolution.
        pool: name of the pooling.

    Returns:
        Numbers of paths, of different ones and of empty ones, and the least, mean and greatest numbers of operations
        on a path. A cell without a path has -1 for what is good to have and 4 for poolings.
    """
    held = [Counter(path) for path in found]
    counts = {
        "length": [len(path) for path in found],
        "convs": [h[conv] + h[pointwise] for h in held],
        "large_convs": [h[conv] for h in held],
        "pools": [h[pool] for h in held],
    }
    out = {"paths": float(len(found)), "different_paths": float(len(set(found))), "empty_paths": float(found.count(()))}
    for name, numbers in counts.items():
        blank = [4] if name == "pools" else [-1]
        own = numbers or blank
        out |= {f"least_{name}": float(min(own)), f"mean_{name}": fmean(own), f"most_{name}": float(max(own))}
    return out


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
