"""Rank correlation against cost a candidate: one numbered point an estimator, with the key beneath."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.correlation import Statistic
from ghn.analysis.front import pareto_front
from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, draw_point, legend, place_labels, shorten
from ghn.report.document import Picture
from ghn.report.figures import PARTS
from ghn.report.model import (
    ELSEWHERE,
    HYPERNETWORK,
    REGRESSION,
    SEVERAL,
    SHARED,
    SHORT,
    ZERO_COST,
    Part,
    Survey,
    about,
)
from ghn.report.tables import ordered
from ghn.report.words import DASH, count, duration, number, with_interval

AXES = {"seconds": "seconds a candidate", "macs": "multiply-adds a candidate"}
ESTIMATOR = "estimator"  # of a comparison, which does not say of which family
# Colour, marker and whether it is filled; in black and white marker and filling tell families apart.
_LOOK = {
    HYPERNETWORK: (BLUE, "o", True),
    SHARED: (BLUE, "D", False),
    ZERO_COST: (ORANGE, "^", False),
    SHORT: (BLACK, "s", True),
    REGRESSION: (ORANGE, "v", True),
    SEVERAL: (BLUE, "P", True),
    ELSEWHERE: (GREY, "X", True),
    ESTIMATOR: (BLUE, "o", True),
}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_LINE = 0.165  # inches a line of the key


@dataclass(frozen=True, slots=True)
class Point:
    """An estimator in the picture: its mark in the key, name, family, place on the axis, and rank correlation."""

    mark: str
    name: str
    family: str
    cost: float
    found: Statistic

    @property
    def value(self) -> float:
        """The rank correlation."""
        return self.found.value or 0.0


def cost_pictures(survey: Survey, part: Part, name: str = "cost") -> list[Picture]:
    """For seconds and then multiply-adds: all networks, then the best half; none where no cost or order is known.

    Names of the files begin with `name`.
    """
    found = []
    for axis in AXES:
        for key, which in (("kendall", "all"), ("kendall_best_half", "best-half")):
            if points := points_of(survey, part.comparison, key, axis):
                figure = draw_costs(survey, part, key, axis)
                words = "; ".join(f"{p.name} {_cost(p.cost, axis)}, {with_interval(p.found)}" for p in points)
                front = "; ".join(points[i].name for i in front_of(points))
                alt = f"Kendall tau, {PARTS[key]}, against {AXES[axis]}: {words}. On the Pareto front: {front}."
                found.append(Picture("cost", f"{axis} {key}", figure, alt, f"{name}-{axis}-{which}"))
    return found


def points_of(survey: Survey, comparison: Comparison, key: str, axis: str) -> list[Point]:
    """The estimators of which cost and rank correlation are known, by falling Kendall over all networks."""
    points = []
    for place, row in ordered(comparison):
        cost = survey.cost(row.name)
        if place is None or cost is None or row.get(key).value is None:
            continue
        spent = cost.seconds if axis == "seconds" else cost.macs
        if spent is not None:
            points.append(Point(str(place), row.name, about(cost.estimator).family, spent, row.get(key)))
    return points


def front_of(points: Sequence[Point]) -> list[int]:
    """Indices of the points than which no cheaper one, nor one as cheap, orders better; from the cheapest up."""
    return pareto_front([(point.value, point.cost) for point in points])


def draw_costs(survey: Survey, part: Part, key: str = "kendall", axis: str = "seconds") -> Figure:
    """Numbered points with intervals, the Pareto front, the ceiling, and baselines at the left margin."""
    comparison = part.comparison
    points = points_of(survey, comparison, key, axis)
    rows = ordered(comparison)
    lines = len(rows) + len(comparison.baselines) + 2
    figure, axes = canvas(4.3, 4.1 + _LINE * lines)
    spots = draw_points(axes, points, comparison, key)
    costs = {point.name: point.cost for point in points}
    axes.set_xlabel(
        "\n".join([AXES[axis], "", *_key(rows, comparison, key, axis, costs)]), loc="left", fontsize=8, linespacing=1.4
    )
    legend(figure, axes)
    place_labels(figure, axes, spots)
    return figure


def draw_points(
    axes: Axes, points: Sequence[Point], comparison: Comparison, key: str = "kendall"
) -> list[tuple[float, float, str]]:
    """The same, into axes: all but the key beneath and the labels, whose places and marks are returned."""
    positive = [point.cost for point in points if point.cost > 0]
    floor = min(positive, default=1.0) / 2  # where what costs nothing stands
    where = [max(point.cost, floor) for point in points]
    margin = min(where) / (max(where) / min(where)) ** 0.13 / 1.6
    front = front_of(points)
    for i in sorted(range(len(points)), key=lambda i: list(_LOOK).index(points[i].family)):  # as the legend has them
        _point(axes, where[i], points[i], on_front=i in front)
    axes.set_xscale("log")
    right = max(where) * (max(where) / margin) ** 0.1 * 1.2
    _front(axes, [(where[i], points[i].value) for i in front], right)
    marked = _baselines(axes, comparison, key, margin)
    axes.set_xlim(margin / 1.5, right)
    _ceiling(axes, comparison, key)
    axes.set_ylabel(f"Kendall tau, {PARTS.get(key, key)}")
    axes.grid(axis="y", color=GREY, linewidth=0.3, alpha=0.5)
    axes.set_axisbelow(True)
    return [*((x, p.value, p.mark) for x, p in zip(where, points, strict=True)), *marked]


def _point(axes: Axes, x: float, point: Point, *, on_front: bool) -> None:
    colour, marker, filled = _LOOK[point.family]
    found = point.found
    if found.low is not None and found.high is not None:
        axes.plot([x, x], [found.low, found.high], color=colour, linewidth=0.8, alpha=0.55, zorder=2)
    size, fill = 6.5 if on_front else 5, colour if filled else "white"
    draw_point(axes, (x, point.value), marker, colour, fill=fill, size=size, edge=1.1, label=point.family, zorder=4)


def _front(axes: Axes, points: Sequence[tuple[float, float]], right: float) -> None:
    if not points:
        return
    xs, ys = zip(*points, strict=True)
    style: dict[str, Any] = {"color": BLACK, "linewidth": 1.1, "zorder": 1}
    axes.step([*xs, right], [*ys, ys[-1]], where="post", label="Pareto front", **style)


def _baselines(axes: Axes, comparison: Comparison, key: str, x: float) -> list[tuple[float, float, str]]:
    """Squares at the left margin, and a dotted line at the height of the best."""
    known = [(letter, row.get(key)) for letter, row in zip(_LETTERS, comparison.baselines, strict=False)]
    spots = [(x, found.value, letter) for letter, found in known if found.value is not None]
    if spots:
        style: dict[str, Any] = {"marker": "s", "markerfacecolor": "white", "markersize": 4, "linestyle": "none"}
        axes.plot([x] * len(spots), [y for _, y, _ in spots], color=GREY, label="baseline", **style)
        axes.axhline(max(y for _, y, _ in spots), color=GREY, linewidth=1.0, linestyle=":", label="best baseline")
    return spots


def _ceiling(axes: Axes, comparison: Comparison, key: str) -> None:
    top = comparison.ceiling.get(key).value if comparison.ceiling else None
    if top is not None:
        label = f"ceiling {number(top)}"
        axes.axhline(top, color=BLACK, linewidth=1.1, linestyle="--", zorder=1, label=label)


def _key(
    rows: Sequence[tuple[int | None, Row]], comparison: Comparison, key: str, axis: str, costs: Mapping[str, float]
) -> list[str]:
    """A line an estimator and baseline: mark, name, rank correlation, cost."""

    def line(mark: str, row: Row) -> str:
        if row.set_aside is not None:
            return f"{mark}  {shorten(row.name, 46)}: set aside"
        cost = _cost(costs[row.name], axis) if row.name in costs else "not drawn"
        end = "" if row.kind == "baseline" else f", {cost}"
        return f"{mark}  {shorten(row.name, 40)}: {number(row.get(key).value)}{end}"

    estimators = [line(DASH if place is None else str(place), row) for place, row in rows]
    free = [line(letter, row) for letter, row in zip(_LETTERS, comparison.baselines, strict=False)]
    return [*estimators, *(["baselines, at the left margin:", *free] if free else [])]


def _cost(value: float, axis: str) -> str:
    return duration(value) if axis == "seconds" else count(value)
