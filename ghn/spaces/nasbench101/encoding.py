"""What regressions see of a cell of NAS-Bench-101: numbers by name, its matrix, and its paths."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean
from typing import ClassVar

from ghn.spaces.nasbench101.cells import MAX_VERTICES, OPERATIONS, Cell

_NONE, _EDGE = "none", "edge"
_PLACES = tuple(combinations(range(MAX_VERTICES), 2))


@dataclass(frozen=True)
class EncodedCell:
    """A cell of seven vertices, those that are not there included.

    Source: White, Neiswanger, Nolen & Savani, "A Study on Encodings for Neural Architecture Search", NeurIPS 2020, sec.
    3, of this space: one-hot adjacency matrix encoding, and path encoding.
    """

    cell: Cell
    vocabulary: ClassVar[tuple[str, ...]] = (_NONE, _EDGE, *OPERATIONS)

    @property
    def ops(self) -> tuple[str, ...]:
        """What is at each of the 21 edges, and then at each of the 5 vertices between input and output."""
        cell, out = self.cell, MAX_VERTICES - 1
        edges = {(source, out if target == cell.last else target) for source, target in cell.edges()}
        held = (*cell.ops, *[_NONE] * (out - 1 - len(cell.ops)))
        return (*(_EDGE if place in edges else _NONE for place in _PLACES), *held)

    def paths(self) -> list[tuple[str, ...]]:
        """The operations on each path from input to output."""
        return self.cell.paths()

    def labels(self) -> list[tuple[str, ...]]:
        """Every path that a cell can have."""
        return [path for n in range(MAX_VERTICES - 1) for path in product(OPERATIONS, repeat=n)]


def summary_of(cell: Cell) -> dict[str, float]:
    """Operations, size, how channels are divided, and a summary of the paths."""
    paths, last, unit = cell.paths(), cell.reads[-1], 1 << 10
    out = {f"count_{op}": float(cell.ops.count(op)) for op in OPERATIONS}
    out |= {
        "vertices": float(cell.last + 1),
        "edges": float(len(cell.edges())),
        "projections": float(sum(0 in read for read in cell.reads)),
        "residual": float(0 in last),
        "divided": float(len(last) - (0 in last)),
        "paths": float(len(paths)),
    }
    shares = zip(cell.ops, cell.channels(unit), strict=False)
    out["share_conv3x3"] = sum((c / unit) ** 2 for op, c in shares if op == OPERATIONS[0])
    numbers = {"length": [len(path) for path in paths]} | {op: [path.count(op) for path in paths] for op in OPERATIONS}
    for name, n in numbers.items():
        out |= {f"least_{name}": float(min(n)), f"mean_{name}": fmean(n), f"most_{name}": float(max(n))}
    return out
