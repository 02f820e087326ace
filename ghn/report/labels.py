"""Small labels beside the points of a picture, none upon another."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, hypot, pi, sin

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ghn.report.style import BLACK, GREY

_SIZE = 7.5  # of letters, in points
_RINGS = (8.5, 13.0, 18.0, 24.0, 31.0, 39.0)  # distances from the point, in points
_ANGLES = tuple(k * pi / 8 for k in (0, 2, -2, 4, -4, 6, -6, 8, 1, -1, 3, -3, 5, -5, 7, -7))
_FAR = 10.0  # from here on a line leads to the label


def place_labels(figure: Figure, axes: Axes, spots: Sequence[tuple[float, float, str]]) -> None:
    """Writes each label at the nearest free place beside its point.

    Args:
        figure: laid out here once; limits and scales of the axes must be final.
        axes: with the points.
        spots: (x, y, label) in data coordinates.
    """
    figure.draw_without_rendering()  # until then, the axes have another size
    points = [tuple(axes.transData.transform((x, y)) * 72 / figure.dpi) for x, y, _ in spots]
    box = axes.get_window_extent()
    frame = tuple(side * 72 / figure.dpi for side in (box.x0, box.y0, box.x1, box.y1))
    taken: list[tuple[float, float, float]] = []
    for (x, y, text), point in zip(spots, points, strict=True):
        half = 0.33 * _SIZE * len(text) + 0.5
        dx, dy = _free(point, half, points, taken, frame)
        taken.append((point[0] + dx, point[1] + dy, half))
        lead = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
        axes.annotate(
            text,
            (x, y),
            (dx, dy),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            color=BLACK,
            zorder=6,
            annotation_clip=False,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.2, "alpha": 0.8},
            arrowprops=lead if hypot(dx, dy) > _FAR else None,
        )


def _free(
    point: Sequence[float],
    half: float,
    points: Sequence[Sequence[float]],
    taken: Sequence[tuple[float, float, float]],
    frame: Sequence[float],
) -> tuple[float, float]:
    """The nearest offset at which a label meets no point, no other label and no frame; else the first."""
    for ring in _RINGS:
        for angle in _ANGLES:
            dx, dy = ring * cos(angle), ring * sin(angle)
            x, y = point[0] + dx, point[1] + dy
            inside = frame[0] + half < x < frame[2] - half and frame[1] + 4 < y < frame[3] - 3
            clear = all(abs(x - a) > half + 3.5 or abs(y - b) > 0.42 * _SIZE + 3.5 for a, b in points)
            apart = all(abs(x - a) > half + other + 0.5 or abs(y - b) > 0.95 * _SIZE for a, b, other in taken)
            if inside and clear and apart:
                return dx, dy
    return _RINGS[0], 0.0
