"""How every picture looks, and how it becomes bytes.

Nothing here touches pyplot or its global state. Every difference that matters is a difference of marker or dash; colour
(from the palette of Okabe and Ito) only helps.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ghn.files import write_atomic

BLUE, ORANGE, GREY, BLACK = "#0072B2", "#D55E00", "#6b6b6b", "#1a1a1a"
GREEN, PINK = "#009E73", "#CC79A7"
_STYLE = {
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
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, figure.add_subplot()


def panels(
    width: float, heights: Sequence[float], columns: int, *, above: float = 0.0, below: float = 0.0
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows of these many inches and its axes, with no frames and no gaps but for text above and below."""
    height = above + sum(heights) + below
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        filled = {"left": 0, "right": 1, "bottom": below / height, "top": 1 - above / height, "wspace": 0, "hspace": 0}
        axes = figure.subplots(len(heights), columns, squeeze=False, height_ratios=list(heights), gridspec_kw=filled)
    for one in axes.flat:
        one.axis("off")
    return figure, axes.tolist()


def axes_grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of that many inches with a grid of panels."""
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(figure)
        return figure, [list(row) for row in figure.subplots(rows, columns, squeeze=False)]


def line_style(i: int) -> dict[str, Any]:
    """Marker, dash and colour of the i-th line of a figure: no two of the first twelve look alike without colour."""
    marker = "os^vDP*X<>dh"[i % 12]
    fill = {"markerfacecolor": "white"} if i % 2 else {}
    colour = (BLUE, ORANGE, BLACK, GREY, GREEN, PINK)[i % 6]
    dash = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))[i % 5]
    return {"marker": marker, "linestyle": dash, "color": colour, **fill}


def write_figure(figure: Figure, path: Path) -> None:
    """Writes a figure as PNG and as SVG; the suffix is added to the path."""
    for kind in ("png", "svg"):
        write_atomic(path.with_name(f"{path.name}.{kind}"), to_bytes(figure, kind))


def to_bytes(figure: Figure, kind: str) -> bytes:
    """The figure as "svg" or "png" (200 dots an inch), the same bytes for the same data."""
    buffer = io.BytesIO()
    with mpl.rc_context(_STYLE):  # type: ignore[arg-type]
        if figure.get_layout_engine() is not None:  # laying out takes as long as drawing, so it is done once
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        figure.savefig(buffer, format=kind, dpi=200, metadata=metadata)
    return buffer.getvalue()


def legend(figure: Figure, axes: Axes) -> None:
    """The legend in one line above the axes."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=8, handletextpad=0.1)


def shorten(text: str, length: int = 34) -> str:
    """The text, cut with an ellipsis, and with its dollars kept from being read as mathematics."""
    text = text if len(text) <= length else text[: length - 1].rstrip() + "…"
    return text.replace("$", r"\$")
