"""A survey on a terminal, and in a log file just as well."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from ghn.report.document import Cell, Table
from ghn.report.survey.answers import answers
from ghn.report.survey.model import Survey
from ghn.report.survey.sections import main_table
from ghn.report.terminal import plain_signs

_WIDE = 240  # columns where there is no terminal


def print_survey(survey: Survey, console: Console | None = None) -> None:
    """Prints a table a reference, the answers, and what a reader must know; narrow terminals get fewer columns.

    Args:
        survey: to print.
        console: where to; on what is no terminal, plain text of a fixed width.
    """
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, _WIDE), color_system=None)
    for part in survey.parts:
        console.print(_fitting(main_table(survey, part, {}), console))
        for warning in part.comparison.warnings:
            console.print(f"Note: {warning}", highlight=False, markup=False)
    for question, answer in answers(survey):
        console.print(Text.assemble((plain_signs(question), "bold"), f" {plain_signs(answer)}"), highlight=False)
    for text in (*survey.report.warnings, *survey.notes):
        console.print(f"Note: {text}", style="yellow", highlight=False, markup=False)


def _fitting(table: Table, console: Console) -> RichTable:
    """All columns if they fit, since rich would cut numbers off to make them."""
    whole = _rich(table, range(len(table.head)))
    needed = Measurement.get(console, console.options.update(width=10_000), whole).maximum
    return whole if needed <= console.width else _rich(table, table.narrow)


def _rich(table: Table, columns: range | tuple[int, ...]) -> RichTable:
    out = RichTable(
        title=Text(plain_signs(table.title)),
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for i in columns:
        short = {"min_width": 14, "max_width": 32} if i == 0 else {"max_width": 15}
        out.add_column(Text(table.head[i]), justify="left" if i == 0 else "right", **short)  # type: ignore[arg-type]
    styles = {"ceiling": "italic", "baseline": "dim", "group": "bold"}
    for line in table.lines:
        cells = [line.cells[i] if i < len(line.cells) else Cell("") for i in columns]
        out.add_row(*(_text(cell) for cell in cells), style=styles.get(line.kind))
    return out


def _text(cell: Cell) -> Text:
    """A Text, since rich would read "[...]" in a string as markup."""
    return Text(plain_signs("\n".join([cell.text, *cell.below])), overflow="fold", style="bold" if cell.best else "")
