"""Figures of studies: grids of panels, lines that are told apart without colour, curves over numbers of references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, STYLE, canvas, legend, shorten, to_bytes
from ghn.files import write_atomic

GREEN, PINK = "#009E73", "#CC79A7"


def axes_grid(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[list[Axes]]]:
    """An empty figure of that many inches with a grid of panels."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
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


def learning_curves(curves: Mapping[str, Mapping[int, Sequence[float]]]) -> Figure:
    """Kendall's tau against the number of references: means over draws, with their standard deviations as bars.

    Args:
        curves: name -> number of references -> a value a draw.
    """
    figure, axes = canvas(5.0, 3.6)
    marks = zip("osD^vPX*", ("-", "--", "-.", ":") * 2, (BLUE, ORANGE, BLACK, GREY) * 2, strict=True)
    for place, ((name, held), (marker, dash, colour)) in enumerate(zip(curves.items(), cycle(marks), strict=False)):
        sizes = np.array(sorted(held)) * 1.02**place  # bars side by side
        means, spreads = zip(*((np.mean(held[n]), np.std(held[n])) for n in sorted(held)), strict=True)
        axes.errorbar(
            sizes,
            means,
            spreads,
            label=shorten(name),
            color=colour,
            marker=marker,
            linestyle=dash,
            linewidth=1.3,
            markersize=5,
            markerfacecolor="white" if place % 2 else colour,
            capsize=2,
        )
    axes.set_xscale("log")
    ticks = sorted({n for held in curves.values() for n in held})
    axes.set_xticks(ticks, [str(n) for n in ticks])
    axes.minorticks_off()
    axes.set_xlabel("trained references")
    axes.set_ylabel("Kendall tau, all networks")
    legend(figure, axes)
    return figure
