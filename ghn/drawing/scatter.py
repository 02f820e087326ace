"""Estimates against what was measured, with the few that an estimate puts first."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ghn.drawing.style import BLACK, GREY, ORANGE, canvas, legend, shorten

Floats = NDArray[np.float64]
MANY = 400  # points from which an SVG embeds them as an image, or it would weigh megabytes


def scatter_figure(estimate: Floats, reference: Floats, x: str, y: str, top: int) -> Figure:
    """[n] estimates against [n] references as a figure, with the labels of its axes; see `draw_scatter`."""
    figure, axes = canvas(4.4, 3.8)
    note = draw_scatter(axes, estimate, reference, top)
    axes.set_xlabel(shorten(x, 44) + note)
    axes.set_ylabel(shorten(y))
    legend(figure, axes)
    return figure


def draw_scatter(axes: Axes, estimate: Floats, reference: Floats, top: int) -> str:
    """Draws [n] estimates against [n] references: the `top` of the estimate as triangles, the best of all as a star.

    The star is filled if it is in the top.

    Estimates far outside the rest, and networks far worse than most, are drawn at the margin and counted in what is
    returned, a line for the label of the axis or "": a few would flatten all others. Ties with the last of the top are
    in it.
    """
    n = len(reference)
    (left, right), (low, _) = _window(estimate), _window(reference, reach=1.0)
    outside = int(((estimate < left) | (estimate > right) | (reference < low)).sum())
    first = estimate >= np.sort(estimate)[-top]
    x, y, size = np.clip(estimate, left, right), np.maximum(reference, low), marker_size(n)
    for label, mask, marker, fill, edge, grow in (
        ("others", ~first, "o", "none", GREY, 1.0),
        (f"its top {int(first.sum())}", first, "^", ORANGE, BLACK, 1.7),
    ):
        style: dict[str, Any] = {"marker": marker, "facecolors": fill, "edgecolors": edge, "linewidths": 0.7}
        axes.scatter(x[mask], y[mask], s=size * grow, rasterized=n > MANY, zorder=2, label=label, **style)
    best = int(reference.argmax())
    star: dict[str, Any] = {"marker": "*", "edgecolors": BLACK, "linewidths": 1.0, "s": 130}
    star["facecolors"] = ORANGE if first[best] else "white"
    axes.scatter(x[best], y[best], zorder=3, label="best of all", **star)
    return f"\n({outside} further out, drawn at the margin)" if outside else ""


def marker_size(n: int) -> float:
    """Of a marker, in square points: small where there are many."""
    return float(np.clip(900 / np.sqrt(n) / 2.2, 6, 26))


def _window(values: Floats, reach: float = 3.0) -> tuple[float, float]:
    """Limits that hold the bulk; a value is far out beyond so many widths of the middle 80 %."""
    low, high = np.percentile(values, [10, 90])
    far = reach * (high - low)
    inside = values[(values >= low - far) & (values <= high + far)]
    return float(inside.min()), float(inside.max())
