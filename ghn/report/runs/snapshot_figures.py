"""How order came about over training: the picture and the table of `job=snapshots`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from ghn.report.figures import PARTS
from ghn.report.inputs import LIVE_PARAMETERS
from ghn.report.style import GREY, canvas, legend, line_style
from ghn.report.words import number


def snapshot_figure(study: Mapping[str, Any], key: str = "kendall") -> Figure:
    """Rank correlation over minutes of training: a faint line a run, the mean over its seeds strong.

    Args:
        study: one reference of `snapshots.json`.
        key: a statistic of `ghn.ranking.rank`.
    """
    figure, axes = canvas(4.4, 3.4)
    for place, (method, runs) in enumerate(by_method(study).items()):
        _curves(axes, method, runs, key, line_style(place))
    bar = study["beside"][LIVE_PARAMETERS]["statistics"][key][0]
    if bar is not None:
        axes.axhline(bar, color=GREY, linewidth=1, linestyle=":", label="live parameters")
    axes.set_xlabel("training, minutes")
    axes.set_ylabel(f"Kendall tau, {PARTS.get(key, key)}")
    legend(figure, axes)
    return figure


def _curves(axes: Axes, method: str, runs: Sequence[Mapping[str, Any]], key: str, style: Mapping[str, Any]) -> None:
    curves = []
    for run in runs:
        x = [point["seconds"] / 60 for point in run["points"]]
        y = [np.nan if (v := point["statistics"][key][0]) is None else v for point in run["points"]]
        axes.plot(x, y, color=style["color"], linestyle=style["linestyle"], linewidth=0.7, alpha=0.5)
        curves.append((x, y))
    if len({tuple(p["step"] for p in run["points"]) for run in runs}) == 1:  # the same snapshots: a mean makes sense
        x, y = np.mean(curves, axis=0)
        axes.plot(x, y, markersize=4, linewidth=1.8, label=method, **style)
    else:
        axes.plot([], [], label=method, **style)


def by_method(study: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The runs of a study, by method, each with its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, run in study["runs"].items():
        found.setdefault(run["method"], []).append({**run, "name": name})
    return found


def print_snapshots(reference: str, study: Mapping[str, Any], last: int, console: Console | None = None) -> None:
    """The end of every run with its interval, the mean of each method, and what stands beside."""
    console = console or Console(width=170)
    table = Table(title=f"{study['n']} networks, against {reference}", box=None)
    table.add_column("weights", no_wrap=True)
    table.add_column("minutes", justify="right")
    for name in ("all", "best half", "best 20 %", "inside equal size", "regret@10, points"):
        table.add_column(name, justify="right")
    table.add_column(f"mean of last {last}", justify="right")
    table.add_column(f"range of last {last}", justify="right")
    for method, runs in by_method(study).items():
        for run in runs:
            table.add_row(
                run["name"], f"{run['points'][-1]['seconds'] / 60:.0f}", *_cells(run["points"][-1]), *_steady(run, last)
            )
        if len(runs) > 1:
            table.add_row(f"{method}, mean (deviation)", "", *_means([run["points"][-1] for run in runs]), style="bold")
    for name, row in study["beside"].items():
        table.add_row(name, "", *_cells(row))
    console.print(table)


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Values with their intervals; regret in points."""
    cells = []
    for key, (value, low, high) in row["statistics"].items():
        scale, digits = (100, 2) if key.startswith("regret") else (1, 2)
        inside = "" if low is None else f" [{number(scale * low, digits)}, {number(scale * high, digits)}]"
        cells.append((number(scale * value, digits) if value is not None else "-") + inside.replace("[", r"\["))
    return cells


def _means(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = []
    for key in rows[0]["statistics"]:
        values = [value for row in rows if (value := row["statistics"][key][0]) is not None]
        scale = 100 if key.startswith("regret") else 1
        cells.append(f"{number(scale * float(np.mean(values)))} ({scale * np.std(values):.2f})" if values else "-")
    return cells


def _steady(run: Mapping[str, Any], last: int) -> tuple[str, str]:
    together = run["last"]["statistics"]["kendall"][0]
    values = [v for point in run["points"][-last:] if (v := point["statistics"]["kendall"][0]) is not None]
    spread = f"{number(min(values))} to {number(max(values))}" if values else "-"
    return number(together), spread
