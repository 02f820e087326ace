"""Pareto fronts: a value that should be high, and one or several costs that should be low."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[Sequence[float]]) -> list[int]:
    """Indices of the points (value, cost, ...) that no other dominates, from the cheapest up; of equal points all.

    One dominates another when its value is not lower and none of its costs is higher, and not all are equal. The first
    cost decides which is the cheapest.
    """
    order = sorted(range(len(points)), key=lambda i: (*points[i][1:], -points[i][0]))
    front: list[int] = []
    for i in order:  # whoever dominates it came before
        if not any(_dominates(points[j], points[i]) for j in front):
            front.append(i)
    return front


def _dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    better = one[0] >= other[0] and all(a <= b for a, b in zip(one[1:], other[1:], strict=True))
    return better and tuple(one) != tuple(other)
