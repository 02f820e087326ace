"""How every picture looks, where its small labels stand, and how it becomes bytes.

Nothing here touches pyplot or its global state. Every difference that matters is a difference of marker or dash; colour
(from the palette of Okabe and Ito) only helps.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from math import cos, hypot, pi, sin
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from ghn.text import printable

BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#6b6b6b", "#1a1a1a"
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": BLACK,
    "text.color": BLACK,
    "xtick.color": BLACK,
    "ytick.color": BLACK,
    "svg.hashsalt": "ghn",  # the same data give the same file
}


def canvas(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of that many inches, drawn by Agg."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.add_subplot()


def panels(
    width: float, heights: Sequence[float], columns: int, *, above: float = 0.0, below: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows of these many inches and its axes, with no frames and no gaps but for text above and below."""
    height = above + sum(heights) + below
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        filled = {"left": 0, "right": 1, "bottom": below / height, "top": 1 - above / height, "wspace": 0, "hspace": 0}
        axes = figure.subplots(len(heights), columns, squeeze=False, height_ratios=list(heights), gridspec_kw=filled)
    for one in axes.flat:
        one.axis("off")
    return figure, axes.tolist()


def to_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as "svg" or "png" (200 dots an inch), the same bytes for the same data."""
    buffer = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", "Glyph .* missing")  # boxes are drawn then; the page has the name in letters
        for text in figure.findobj(Text):
            text.set_text(printable(text.get_text()))
        lay_out(figure)
        figure.set_layout_engine(None)  # laid out once; with an engine, or "none", each picture is drawn twice
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def lay_out(figure: Figure) -> None:
    """Gives the axes their final places, at the price of no drawing."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)


def legend(figure: Figure, axes: Axes) -> None:
    """The legend in one line above the axes."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)


def draw_point(
    axes: Axes,
    at: tuple[float, float],
    marker: str,
    colour: str,
    *,
    fill: str,
    size: float,
    edge: float,
    label: str = "",
    zorder: float | None = None,
) -> None:
    """A single marker; of those with one label the legend shows the first."""
    if label in axes.get_legend_handles_labels()[1]:
        label = "_" + label  # matplotlib keeps what begins so out of the legend
    style = {"markerfacecolor": fill, "markersize": size, "markeredgewidth": edge, "zorder": zorder}
    axes.plot(*at, color=colour, marker=marker, linestyle="none", label=label, **style)  # type: ignore[arg-type]


def shorten(text: str, length: int = 34) -> str:
    """The text, cut with an ellipsis, and with its dollars kept from being read as mathematics."""
    text = text if len(text) <= length else text[: length - 1].rstrip() + "…"
    return text.replace("$", r"\$")


_SIZE = 7.5  # of letters, in points
_RINGS = (8.5, 13.0, 18.0, 24.0, 31.0, 39.0)  # distances from the point, in points
_ANGLES = tuple(k * pi / 8 for k in (0, 2, -2, 4, -4, 6, -6, 8, 1, -1, 3, -3, 5, -5, 7, -7))
_FAR = 10.0  # from here on a line leads to the label


def place_labels(figure: Figure, axes: Axes, spots: Sequence[tuple[float, float, str]]) -> None:
    """Writes each label of `spots` (x, y, label) at the nearest free place beside its point, none upon another.

    The figure is laid out here once: limits and scales of its axes must be final.
    """
    lay_out(figure)  # until then, the axes have another size
    points = [tuple(axes.transData.transform((x, y)) * 72 / figure.dpi) for x, y, _ in spots]
    box = axes.get_window_extent()
    frame = tuple(side * 72 / figure.dpi for side in (box.x0, box.y0, box.x1, box.y1))
    taken: list[tuple[float, float, float]] = []
    for (x, y, text), point in zip(spots, points, strict=True):
        half = 0.33 * _SIZE * len(text) + 0.5
        dx, dy = _free(point, half, points, taken, frame)
        taken.append((point[0] + dx, point[1] + dy, half))
        lead = {"arrowstyle": "-", "color": GREY, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 2}
        style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": _SIZE, "color": BLACK, "zorder": 6}
        style["bbox"] = {"facecolor": "white", "edgecolor": "none", "pad": 0.2, "alpha": 0.8}
        style["arrowprops"] = lead if hypot(dx, dy) > _FAR else None
        axes.annotate(text, (x, y), (dx, dy), textcoords="offset points", annotation_clip=False, **style)


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
