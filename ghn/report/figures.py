"""The pictures, as matplotlib figures: readable in black and white, by the colour-blind, and on a phone."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.weighted import Floats
from ghn.drawing.scatter import MANY, marker_size, scatter_figure
from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, draw_point, legend, shorten
from ghn.report.document import Picture
from ghn.report.words import number, with_interval

PARTS = {"kendall": "all networks", "kendall_best_half": "best half", "kendall_best_fifth": "best 20 %"}


def dots(comparison: Comparison, key: str = "kendall") -> Figure:
    """Rank correlation of every row with its interval, baselines beneath a rule, ceiling as a dashed line.

    Names stand above their intervals, so that long ones fit at a phone's width. `key` is one of `PARTS`.
    """
    figure, axes = canvas(4.0, 0.9 + 0.42 * len(comparison.rows))
    draw_dots(axes, comparison, key)
    return figure


def draw_dots(axes: Axes, comparison: Comparison, key: str = "kendall") -> None:
    """The same, into axes that have room for two lines a row."""
    rows = comparison.rows
    axes.axvline(0, color=GREY, linewidth=0.8)
    for place, row in enumerate(rows):
        _dot(axes, row, key, place)
    if comparison.baselines and comparison.estimators:
        axes.axhline(len(comparison.estimators) - 0.62, color=GREY, linewidth=0.8, linestyle=":")
    _ceiling(axes, comparison, key)
    values = [v for row in rows for v in (row.get(key).value, row.get(key).low) if v is not None]
    axes.set_xlim(min([-0.05, *(value - 0.05 for value in values)]), 1.02)
    axes.set_ylim(len(rows) - 0.6, -0.75)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"Kendall tau, {PARTS.get(key, key)}")


def _dot(axes: Axes, row: Row, key: str, place: int) -> None:
    found, baseline = row.get(key), row.kind == "baseline"
    beside: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "va": "bottom", "fontsize": 8.5}
    beside["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
    axes.annotate(shorten(row.name, 44), (0, place - 0.2), **beside)
    value = "not defined" if found.value is None else number(found.value)
    axes.annotate(value, (1, place - 0.2), ha="right", **beside)
    if found.value is None:
        return
    colour = ORANGE if baseline else BLUE
    if found.low is not None and found.high is not None:
        ends = [found.low, found.high]
        axes.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt", marker="|", markersize=7)
    marker, fill = ("s", "white") if baseline else ("o", colour)
    draw_point(axes, (found.value, place), marker, colour, fill=fill, size=6.5, edge=1.5)


def _ceiling(axes: Axes, comparison: Comparison, key: str) -> None:
    top = comparison.ceiling.get(key).value if comparison.ceiling else None
    if top is None:
        return
    axes.axvline(top, color=BLACK, linewidth=1.2, linestyle="--", zorder=0)
    at: dict[str, Any] = {"xycoords": ("data", "axes fraction"), "xytext": (0, 2), "textcoords": "offset points"}
    at |= {"ha": "center", "va": "bottom", "annotation_clip": False}
    axes.annotate(f"ceiling {number(top)}", (top, 1), fontsize=8, **at)


def scatter(comparison: Comparison, name: str) -> Figure:
    """Estimate against reference, with the networks that the estimate puts first and the best of all."""
    estimate, reference = _pair(comparison, name)
    unit = comparison.reference_unit or comparison.reference_name
    return scatter_figure(estimate, reference, f"estimate: {name}", unit, comparison.top)


def ranks(comparison: Comparison, name: str) -> Figure:
    """Rank by estimate against rank by reference, 1 = best; the dashed diagonal is a perfect order."""
    estimate, reference = _pair(comparison, name)
    figure, axes = canvas(4.0, 3.5)
    n = len(reference)
    axes.plot([1, n], [1, n], color=GREY, linewidth=0.9, linestyle="--", zorder=1)
    _points(axes, rankdata(-estimate), rankdata(-reference), reference)
    pad = 0.03 * n
    axes.set_xlim(1 - pad, n + pad)
    axes.set_ylim(n + pad, 1 - pad)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.linspace(1, n, 5).round())  # no rank is 0
    axes.set_xlabel(f"rank by {shorten(name)} (1 = best)")
    axes.set_ylabel("rank by reference (1 = best)")
    legend(figure, axes)
    return figure


def pictures(comparison: Comparison) -> list[Picture]:
    """Dots, then scatter and ranks of each estimator, then ranks of each baseline."""
    shown = [key for key in PARTS if any(row.get(key).value is not None for row in comparison.rows)]
    found = [("dots", key, dots(comparison, key)) for key in shown]
    for row in comparison.rows:
        if row.set_aside is None:
            if row.kind == "estimator":
                found.append(("scatter", row.name, scatter(comparison, row.name)))
            found.append(("ranks", row.name, ranks(comparison, row.name)))
    return [Picture(kind, subject, figure, _alt(comparison, kind, subject)) for kind, subject, figure in found]


def _alt(comparison: Comparison, kind: str, subject: str) -> str:
    if kind == "dots":
        values = "; ".join(f"{row.name} {with_interval(row.get(subject))}" for row in comparison.rows)
        return f"Kendall tau, {PARTS[subject]}, against {comparison.reference_name}: {values}."
    row = comparison.row(subject)
    what = "Ranks by estimate and by reference" if kind == "ranks" else "Estimate against reference"
    whole, half = with_interval(row.get("kendall")), with_interval(row.get("kendall_best_half"))
    text = f"{what} for {subject}, {row.n} networks: Kendall {whole}, best half {half}."
    if kind == "ranks":
        return text
    return f"{text} Triangles are the {comparison.top} networks that it puts first, the star is the best of all."


def _pair(comparison: Comparison, name: str) -> tuple[Floats, Floats]:
    common = np.array(comparison.common)
    estimate = np.array(comparison.row(name).estimates, dtype=float)  # None becomes NaN
    return estimate[common], np.array(comparison.reference, dtype=float)[common]


def _points(axes: Axes, x: Floats, y: Floats, reference: Floats) -> None:
    order = rankdata(-reference, method="min")
    n = len(reference)
    fifth, half = order <= np.ceil(0.2 * n), order <= np.ceil(0.5 * n)
    size = marker_size(n)
    for label, mask, marker, fill, edge, grow in (
        ("worse half", ~half, "o", "none", GREY, 1.0),
        ("best half", half & ~fifth, "o", BLUE, "white", 1.0),
        ("best 20 %", fifth, "^", ORANGE, BLACK, 1.5),
    ):
        style: dict[str, Any] = {"marker": marker, "facecolors": fill, "edgecolors": edge, "linewidths": 0.6}
        axes.scatter(x[mask], y[mask], s=size * grow, rasterized=n > MANY, zorder=2, label=label, **style)
