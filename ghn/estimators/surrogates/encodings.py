"""Features that the space and the graph of an architecture give by themselves, in milliseconds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from ghn.errors import ConfigError
from ghn.graph.op import OPS
from ghn.graph.simplify import simplify
from ghn.graph.stats import graph_stats
from ghn.spaces import skeletons_of
from ghn.types import Space

Matrix = Float[np.ndarray, "n f"]


@dataclass(frozen=True)
class Statistics:
    """Counts on the live graph: parameters, multiply-adds, depth, width, and how often each operation occurs.

    They are taken in the shallowest skeleton where the space has a depth, as its cells repeat: a count in a deeper one
    follows from it. Parameters and multiply-adds are logarithms, as their effect is.
    """

    name: str = "statistics"
    _known: dict[Hashable, list[float]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, 5 + operations]; those of equal functions are computed once."""
        shallow, rows = shallowest(space), []
        for arch in archs:
            key = (repr(shallow), space.canonical(arch))
            if key not in self._known:
                self._known[key] = _statistics(shallow, arch)
            rows.append(self._known[key])
        return np.array(rows)


def _statistics(space: Space[Any], arch: Any) -> list[float]:
    stats = graph_stats(simplify(space.lower(arch)))
    sizes = [np.log(stats.params + 1), np.log(stats.macs + 1), stats.depth, stats.width, stats.kernels.get(3, 0)]
    return [*map(float, sizes), *(float(stats.ops.get(op, 0)) for op in OPS)]


@dataclass(frozen=True)
class Adjacency:
    """Adjacency encoding: which operation is on each edge of the cell, one-hot; dead edges count as cut.

    Source: White et al., "A Study on Encodings for Neural Architecture Search", NeurIPS 2020, sec. 3 (one-hot
    adjacency matrix encoding).
    """

    name: str = "adjacency"

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, edges * operations]."""
        cells = _cells(space, archs, self.name)
        index = {op: i for i, op in enumerate(cells[0].vocabulary)}
        codes = np.array([[index[op] for op in cell.ops] for cell in cells])
        return np.eye(len(index))[codes].reshape(len(archs), -1)


@dataclass(frozen=True)
class Paths:
    """Path encoding: how many paths from input to output have each sequence of operations; skips are left out.

    Source: White, Neiswanger & Savani, "BANANAS", AAAI 2021, sec. 4.1; there whether a path is there, here how often,
    as a sum of two equal paths is another function than one.
    """

    name: str = "paths"

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, paths]; 40 in NAS-Bench-201."""
        cells = _cells(space, archs, self.name)
        index = {path: i for i, path in enumerate(cells[0].labels())}
        out = np.zeros((len(archs), len(index)))
        for row, cell in zip(out, cells, strict=True):
            for path in cell.paths():
                row[index[path]] += 1
        return out


@dataclass(frozen=True)
class Summary:
    """The space's own features, `space.encode`: in NAS-Bench-201 counts of live operations and a summary of paths."""

    name: str = "summary"

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> Matrix:
        """Features [n, f]."""
        encode = _method(space, "encode", self.name)
        return np.array([list(encode(arch).values()) for arch in archs], dtype=float)


def shallowest(space: Space[Any]) -> Space[Any]:
    """The space with one cell a stage, where it has a depth: enough to see what a cell is."""
    return skeletons_of(space, [{"depth": 1}])[0] if "depth" in space.describe() else space


def _method(space: Space[Any], method: str, name: str) -> Any:
    if not hasattr(space, method):
        raise ConfigError(
            f"space {space.name} has no features for the input {name!r}",
            expected=f"a method `{method}(arch)`",
            fix="use other inputs, such as statistics",
        )
    return getattr(space, method)


def _cells(space: Space[Any], archs: Sequence[Any], name: str) -> list[Any]:
    cell = _method(space, "cell", name)
    return [cell(arch) for arch in archs]
