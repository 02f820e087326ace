"""Early convergence as a table and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.report.style import GREY, axes_grid, line_style

HEADINGS = {
    "entropy_start": "entropy, start",
    "entropy_quarter": "at 1/4",
    "entropy_end": "end",
    "settled": "halved at",
    "skips_start": "skips, start",
    "skips_end": "end",
    "skips_found": "found",
}


def print_convergence(
    rows: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    console: Console | None = None,
) -> None:
    """Prints a row a run and a mean a method, in percent: entropies of even odds, times of all, skips of choices."""
    console = console or Console(width=120)
    table = Table(title="How choices settle, %", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run", no_wrap=True)
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for mean in means:
        for row in (own := [row for row in rows if row["method"] == mean["method"]]):
            table.add_row(Text(row["run"]), *_cells(row["summary"]), end_section=False)
        table.add_row(Text(f"{mean['method']}, mean of {len(own)}"), *_cells(mean), style="bold", end_section=True)
    console.print(table)
    for warning in warnings:
        console.print(f"Warning: {warning}", highlight=False, markup=False)


def draw_convergence(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Entropy over time, a line a run; then for each method mean shares of operations, those found at the right."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure, (grid,) = axes_grid(1, 1 + len(methods), 3.6 * (1 + len(methods)), 3.8)
    for i, method in enumerate(methods):
        for k, row in enumerate(row for row in rows if row["method"] == method):
            time, entropy = _coarse([step / row["steps"][-1] for step in row["steps"]]), _coarse(row["entropy"])
            style = {**line_style(i), "label": None if k else method, "markevery": max(1, len(time) // 8)}
            grid[0].plot(time, entropy, markersize=4, linewidth=1, **style)
    grid[0].axhline(rows[0]["uniform"], color=GREY, linewidth=0.8, linestyle=":")
    grid[0].set_xlim(0, 1.02)
    grid[0].set_ylim(0, 1.08 * max(row["uniform"] for row in rows))
    grid[0].set_ylabel("entropy, nats a choice (dotted: even odds)")
    grid[0].legend(frameon=False, fontsize=8, loc="lower left")
    for axes, method in zip(grid[1:], methods, strict=True):
        own = [row for row in rows if row["method"] == method]
        _shares(axes, own)
        axes.set_title(f"{method}, mean of {len(own)}", fontsize=9)
    grid[1].set_ylabel("share of the choices")
    for axes in grid:
        axes.set_xlabel("share of the training")
    handles, labels = grid[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure


def _shares(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Means over runs at the steps that all have logged, and the shares found beyond the end."""
    common = sorted(set.intersection(*(set(row["steps"]) for row in rows)))
    place = [{step: k for k, step in enumerate(row["steps"])} for row in rows]
    for i, name in enumerate(rows[0]["shares"]):
        mean = [fmean(row["shares"][name][at[step]] for row, at in zip(rows, place, strict=True)) for step in common]
        style, time = line_style(i), _coarse([step / common[-1] for step in common])
        every = max(1, len(time) // 6)
        axes.plot(time, _coarse(mean), label=name, markevery=every, markersize=4, linewidth=1.2, **style)
        found = fmean(row["found"]["shares"].get(name, 0.0) for row in rows)
        axes.plot([1.12], [found], **{**style, "linestyle": "none"}, markersize=6)
    axes.axvline(1.06, color=GREY, linewidth=0.6, linestyle=":")
    axes.set_xticks([0, 0.5, 1, 1.12], ["0", "0.5", "1", "found"])
    axes.set_ylim(-0.02, None)


def _coarse(values: Sequence[float], parts: int = 40) -> list[float]:
    """Means of at most so many consecutive parts: what is drawn once a logged step hides the other lines."""
    return [float(part.mean()) for part in np.array_split(np.asarray(values, dtype=float), min(parts, len(values)))]


def _cells(numbers: Mapping[str, Any]) -> list[str]:
    return ["never" if key == "settled" and numbers[key] is None else _percent(numbers[key]) for key in HEADINGS]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f}"
