"""The report as tables for a terminal, and for a log file just as well."""

from __future__ import annotations

import io

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.correlation import Statistic
from ghn.report import words
from ghn.report.report import Report


def print_report(report: Report, console: Console | None = None) -> None:
    """Prints summary, table and warnings; on a TTY in colour, elsewhere as plain text of a fixed width."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, 120), color_system=None)
    for comparison in report.comparisons:
        console.print(_fitting(comparison, console))
        console.print(plain_signs(words.summary(comparison)), style="bold", highlight=False, markup=False)
        for warning in comparison.warnings:
            console.print(f"Note: {warning}", highlight=False, markup=False)
        console.print()
    for warning in report.warnings:
        console.print(f"Warning: {warning}", style="yellow", highlight=False, markup=False)


def to_text(report: Report, width: int = 120) -> str:
    """What `print_report` prints, as a string."""
    file = io.StringIO()
    print_report(report, Console(file=file, width=width, color_system=None))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def table(comparison: Comparison, *, stacked: bool = False, short: bool = False) -> Table:
    """The main table.

    Args:
        comparison: what to show.
        stacked: put every interval under its value.
        short: only the columns without which an order cannot be judged.
    """
    out = Table(
        title=Text(_title(comparison)),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    out.add_column("estimator", min_width=14, max_width=20 if stacked else 36)
    keys = _keys(comparison, short)
    for heading in (*keys.values(), "failed", "s/network"):
        out.add_column(heading, justify="right", no_wrap=True)
    if comparison.ceiling:
        cells = [_cell(comparison.ceiling.statistics.get(key), key, stacked) for key in keys]
        out.add_row(
            Text(f"ceiling ({comparison.ceiling.n} networks)"), *cells, "", "", style="italic", end_section=True
        )
    for row in comparison.estimators:
        out.add_row(*_line(row, list(keys), stacked), end_section=row is comparison.estimators[-1])
    for row in comparison.baselines:
        out.add_row(*_line(row, list(keys), stacked), style="dim")
    return out


def _fitting(comparison: Comparison, console: Console) -> Table:
    """The roomiest layout that fits, since rich would cut numbers off to make one fit."""
    layouts = [
        table(comparison),
        table(comparison, stacked=True),
        table(comparison, stacked=True, short=True),
    ]
    for layout in layouts:
        if Measurement.get(console, console.options.update(width=10_000), layout).maximum <= console.width:
            return layout
    return layouts[-1]


def _keys(comparison: Comparison, short: bool) -> dict[str, str]:
    keys = {"kendall": "Kendall", "kendall_best_half": "best half"}
    if not short:
        keys["kendall_best_fifth"] = "best 20 %"
        if comparison.levels:
            keys["kendall_within_groups"] = "equal size"
    return keys | {f"regret@{k}": f"regret@{k}" for k in comparison.settings.ks[:1]}


def _line(row: Row, keys: list[str], stacked: bool) -> list[str | Text]:
    cells = ["aside" if row.set_aside else _cell(row.get(key), key, stacked) for key in keys]
    name = Text(row.name, overflow="fold")  # a Text, since rich would read "[...]" in a string as markup
    return [name, *cells, str(row.failed), "-" if row.seconds is None else f"{row.seconds:.2g}"]


def _cell(statistic: Statistic | None, key: str, stacked: bool) -> str:
    if statistic is None or statistic.value is None:
        return "-"
    if key.startswith("regret@"):
        return plain_signs(words.quantity(statistic.value))
    gap = "\n" if stacked else " "
    return plain_signs(f"{words.number(statistic.value)}{gap}{words.interval(statistic)}").rstrip()


def _title(comparison: Comparison) -> str:
    unit = f", {comparison.reference_unit}" if comparison.reference_unit else ""
    return f"Against {comparison.reference_name} ({comparison.n:,} of {comparison.n_given:,} networks{unit})"


def plain_signs(text: str) -> str:
    """Signs that every terminal and every log file can show."""
    return text.replace(words.MINUS, "-").replace(words.DASH, "-").replace("µ", "u")
