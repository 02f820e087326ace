"""How every picture looks, and how it becomes bytes.

Nothing here touches pyplot or its global state. Every difference that matters is a difference of marker or dash; colour
(from the palette of Okabe and Ito) only helps.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
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
