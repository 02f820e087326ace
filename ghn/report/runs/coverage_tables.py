"""How often candidates were trained, as tables and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.ranking import Statistic
from ghn.report.style import BLACK, axes_grid, line_style, shorten
from ghn.report.terminal import plain_signs
from ghn.report.words import with_interval

MEASURES = {"exposure": "times trained", "near": "trained nearby"}
THIRDS = ("least", "middle", "most")


def print_coverage(rows: Sequence[Mapping[str, Any]], warnings: Sequence[str], console: Console | None = None) -> None:
    """Prints how often candidates were trained, then a table a reference."""
    console = console or Console(width=120)
    table = _table("How often candidates were trained")
    for heading in ("", "least", "quartile", "median", "quartile", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        for name, label in MEASURES.items():
            cells = [f"{value:,.0f}" for value in row[name]["quartiles"]]
            table.add_row(Text(row["run"]), label, *cells, end_section=name == "near")
    console.print(table)
    for k, reference in enumerate(rows[0]["references"]):
        table = _table(f"Against {reference['name']}, {reference['n']} candidates")
        for heading in ("by", "overrated", *(f"Kendall, {third}" for third in THIRDS)):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            for name, label in MEASURES.items():
                table.add_row(Text(row["run"]), label, *_cells(row["references"][k][name]), end_section=name == "near")
        console.print(table)
    for warning in warnings:
        console.print(f"Warning: {warning}", highlight=False, markup=False)


def _table(title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("run", no_wrap=True)
    return table


def _cells(effect: Mapping[str, Any] | None) -> list[str]:
    if effect is None:
        return ["all alike", *("-" for _ in THIRDS)]
    return [plain_signs(with_interval(Statistic(**one))) for one in (effect["overrated"], *effect["kendall"])]


def draw_coverage(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How often candidates were trained, and Kendall inside thirds of them against each reference."""
    references = rows[0]["references"]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    styles = [line_style(methods.index(row["method"])) for row in rows]
    figure, (grid,) = axes_grid(1, 1 + len(references), 3.8 * (1 + len(references)), max(3.6, 1.4 + 0.22 * len(rows)))
    _boxes(grid[0], rows, styles)
    for k, axes in enumerate(grid[1:]):
        for i, row in enumerate(rows):
            effect, shift = row["references"][k]["exposure"], (i - (len(rows) - 1) / 2) * 0.6 / len(rows)
            points = [(x + shift, Statistic(**one)) for x, one in enumerate(effect["kendall"] if effect else [])]
            _bars(axes, points, styles[i])
        axes.axhline(0, color=BLACK, linewidth=0.6)
        axes.set_xticks(range(len(THIRDS)), [f"{third}\ntrained" for third in THIRDS])
        axes.set_title(shorten(references[k]["name"], 38), fontsize=8)
    grid[1].set_ylabel("Kendall tau inside each third")
    handles, labels = grid[0].get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))  # one entry a method
    figure.legend(shown.values(), shown, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return figure


def _boxes(axes: Axes, rows: Sequence[Mapping[str, Any]], styles: Sequence[Mapping[str, Any]]) -> None:
    """Least, quartiles and most of how often candidates were trained, a line a run."""
    for i, (row, style) in enumerate(zip(rows, styles, strict=True)):
        low, lower, median, upper, high = row["exposure"]["quartiles"]
        axes.plot([low, high], [i, i], color=style["color"], linewidth=1)
        axes.plot([lower, upper], [i, i], color=style["color"], linewidth=4, solid_capstyle="butt")
        axes.plot([median], [i], label=row["method"], **{**style, "linestyle": "none"})
    axes.set_yticks(range(len(rows)), [shorten(row["run"], 20) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("times that a candidate's operations were trained\n(geometric mean; least, quartiles, most)")


def _bars(axes: Axes, points: Sequence[tuple[float, Statistic]], style: Mapping[str, Any]) -> None:
    """The values that there are, with their intervals."""
    known = [(x, s.value, s.low, s.high) for x, s in points if s.value is not None]
    spans = [
        [0.0 if low is None else y - low for _, y, low, _ in known],
        [0.0 if high is None else high - y for _, y, _, high in known],
    ]
    x, y = [one[0] for one in known], [one[1] for one in known]
    axes.errorbar(x, y, spans, markersize=5, linewidth=1, capsize=2, **style)
