"""The picture of combinations: rank correlation against cost a candidate, sets beside single estimators."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from ghn.report.combinations.model import Combination, Combinations
from ghn.report.figures import Picture
from ghn.report.style import BLACK, BLUE, GREY, ORANGE, canvas, legend, shorten
from ghn.report.words import duration, number, with_interval

_LINE, _LETTER = 0.042, 0.019  # height of a label and width of a letter, as shares of the axes


def combination_pictures(found: Combinations) -> list[Picture]:
    """A picture for each number of references."""
    out = []
    for size in found.sizes:
        values = "; ".join(f"{c.name}, {duration(c.seconds)}, {with_interval(c.kendall)}" for c in found.front(size))
        label = f"{size} references" if size else "no references"
        alt = f"Kendall tau against seconds a candidate, {label}; the front from the cheapest up: {values}."
        out.append(Picture("combinations", label, draw_combinations(found, size), alt))
    return out


def draw_combinations(found: Combinations, references: int = 0) -> Figure:
    """Single estimators by name, and the numbered front chosen on development networks, with report intervals.

    Args:
        found: by `search_combinations`.
        references: which number of references.
    """
    singles, front = found.singles(references), found.front(references)
    figure, axes = canvas(4.6, 3.5 + 0.17 * len(front))
    positive = [c.seconds for c in (*singles, *front) if c.seconds > 0]
    floor = min(positive, default=1.0) / 3  # where what costs nothing stands
    for c in singles:
        _point(axes, c, floor, ORANGE, "s", "white", 9.5 if c in front else 5.5, "single estimator")
    for c in front:
        if not c.single:
            _point(axes, c, floor, BLUE, "o", BLUE, 9.5, "set on the front")
    places = [max(c.seconds, floor) for c in front]
    values = [c.kendall.value or 0.0 for c in front]
    axes.step(places, values, where="post", color=BLACK, linewidth=1.0, linestyle="--", zorder=1, label="front")
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    axes.set_ylabel(f"Kendall tau, {found.n_report:,} report networks")
    key = [f"{i}  {shorten(c.name, 54)}: {number(c.kendall.value)}" for i, c in enumerate(front, start=1)]
    axes.set_xlabel("seconds a candidate\n" + "\n".join(key), loc="left", fontsize=8, linespacing=1.35)
    for rank, c in enumerate(front, start=1):
        if c.kendall.value is not None:
            colour = BLACK if c.single else "white"
            place = (max(c.seconds, floor), c.kendall.value)
            axes.annotate(str(rank), place, ha="center", va="center_baseline", fontsize=7, color=colour, zorder=4)
    _label(figure, axes, [c for c in singles if c not in front], front, floor)
    legend(figure, axes)
    return figure


def _point(
    axes: Axes, one: Combination, floor: float, colour: str, marker: str, fill: str, size: float, label: str
) -> None:
    x, value, low, high = max(one.seconds, floor), one.kendall.value, one.kendall.low, one.kendall.high
    if value is None:
        return
    if label in axes.get_legend_handles_labels()[1]:
        label = "_" + label  # matplotlib keeps what begins so out of the legend
    if low is not None and high is not None:
        axes.plot([x, x], [low, high], color=colour, linewidth=1.1, solid_capstyle="butt", zorder=2)
    axes.plot(
        [x],
        [value],
        color=colour,
        marker=marker,
        markerfacecolor=fill,
        markersize=size,
        markeredgewidth=1.3,
        linestyle="none",
        label=label,
        zorder=3,
    )


def _label(
    figure: Figure, axes: Axes, named: Sequence[Combination], front: Sequence[Combination], floor: float
) -> None:
    """Writes each name beside its point, moved up or down until it is clear of other points and names."""
    figure.draw_without_rendering()  # limits are final from here on

    def place(one: Combination) -> tuple[float, float]:
        point = axes.transData.transform((max(one.seconds, floor), one.kendall.value or 0.0))
        x, y = axes.transAxes.inverted().transform(point)
        return float(x), float(y)

    known = [one for one in named if one.kendall.value is not None]
    taken = [(x - 0.02, x + 0.02, y) for x, y in map(place, [*known, *front])]  # left, right, height of what is there
    steps = sorted((k * 0.4 * _LINE for k in range(-20, 21)), key=abs)
    for one in known:
        (x, y), name = place(one), shorten(one.name, 22)
        left, right = x + 0.021, x + 0.021 + _LETTER * len(name)
        clear = (s for s in steps if all(right < a or b < left or abs(y + s - c) > _LINE for a, b, c in taken))
        y += next(clear, 0.0)
        taken.append((left, right, y))
        style = {"xycoords": "axes fraction", "textcoords": "offset points", "va": "center", "fontsize": 8}
        text = axes.annotate(name, (x, y), (6, 0), color=GREY, zorder=2.5, **style)  # type: ignore[arg-type]
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])  # legible where it crosses an interval
