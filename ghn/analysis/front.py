"""Pareto fronts of two objectives: a value that should be high, and a cost that should be low."""

from __future__ import annotations

from collections.abc import Sequence


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Indices of the points (value, cost) that no other dominates, from the cheapest up; of equal points all.

    One dominates another when its value is not lower and its cost is not higher, and not both are equal.
    """
    order = sorted(range(len(points)), key=lambda i: (points[i][1], -points[i][0]))
    front: list[int] = []
    for i in order:
        if not front or points[i][0] > points[front[-1]][0] or points[i] == points[front[-1]]:
            front.append(i)
    return front
