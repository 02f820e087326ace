"""Cells as paths from input to output: their summary as features, and how cells grow by a path at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, product
from statistics import fmean
from typing import NamedTuple

Path = tuple[str, ...]


class EdgeCell(NamedTuple):
    """A cell with an operation on each edge."""

    edges: Sequence[tuple[int, int]]  # (from, to), nodes numbered in topological order
    ops: Sequence[str]  # one an edge; `vocabulary[0]` on edges that are on no way from input to output
    vocabulary: Sequence[str]  # first the operation that cuts an edge, then the one that changes nothing

    @property
    def last(self) -> int:
        """The node that is the output."""
        return max(target for _, target in self.edges)

    def paths(self) -> list[Path]:
        """The operations on each path from the first node to the last; skips are left out.

        Source: White, Neiswanger & Savani, "BANANAS", AAAI 2021, sec. 4.1: path encoding.
        """
        none, skip, *_ = self.vocabulary

        def walk(node: int) -> Iterator[Path]:
            if node == self.last:
                yield ()
            for (source, target), op in zip(self.edges, self.ops, strict=True):
                if source == node and op != none:
                    for rest in walk(target):
                        yield rest if op == skip else (op, *rest)

        return list(walk(0))

    def labels(self) -> list[Path]:
        """Every path that a cell of this kind can have."""
        full = self._replace(ops=[self.vocabulary[-1]] * len(self.edges))
        return [p for n in range(max(map(len, full.paths())) + 1) for p in product(self.vocabulary[2:], repeat=n)]

    def grown(self) -> Iterator[tuple[str, ...]]:
        """Every cell with one path more: between two nodes in use, through nodes that are not.

        Each cell whose edges all lie on ways from input to output comes about so, a path at a time (an ear
        decomposition). What was there keeps its operations. Dead edges must be cut; without any path, the first and the
        last node count as in use.
        """
        none, *ops = self.vocabulary
        place = {edge: i for i, edge in enumerate(self.edges)}
        used = {0, self.last} | {n for edge, op in zip(self.edges, self.ops, strict=True) if op != none for n in edge}
        for start, end in combinations(sorted(used), 2):
            idle = [node for node in range(start + 1, end) if node not in used]
            for between in (nodes for count in range(len(idle) + 1) for nodes in combinations(idle, count)):
                edges = list(pairwise((start, *between, end)))
                if any(edge not in place or self.ops[place[edge]] != none for edge in edges):
                    continue
                for chosen in product(ops, repeat=len(edges)):
                    new = list(self.ops)
                    for edge, op in zip(edges, chosen, strict=True):
                        new[place[edge]] = op
                    yield tuple(new)


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
        "length": [len(path) for path in found] or [-1],
        "convs": [h[conv] + h[pointwise] for h in held] or [-1],
        "large_convs": [h[conv] for h in held] or [-1],
        "pools": [h[pool] for h in held] or [4],
    }
    out = {"paths": float(len(found)), "different_paths": float(len(set(found))), "empty_paths": float(found.count(()))}
    for name, n in counts.items():
        out |= {f"least_{name}": float(min(n)), f"mean_{name}": fmean(n), f"most_{name}": float(max(n))}
    return out
