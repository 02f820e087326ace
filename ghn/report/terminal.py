"""Blocks on a terminal, and in a log file just as well."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text as RichText

from ghn.report.document import Beside, Block, Cell, Fold, Heading, Items, Pictures, Table, Text
from ghn.report.words import DASH, MINUS, NO_BREAK
from ghn.text import printable

_SHORT = 24  # an interval
_STYLES = {"ceiling": "italic", "baseline": "dim", "group": "bold"}


def print_blocks(blocks: Sequence[Block], console: Console | None = None, *, log: int = 120) -> None:
    """Prints all but pictures; what is no terminal gets plain text, as wide as the console and at least `log`."""
    console = console or Console()
    if not console.is_terminal:
        console = Console(file=console.file, width=max(console.width, log), color_system=None)
    for block in blocks:
        _print(block, console)


def plain_signs(text: str) -> str:
    """Signs that every terminal and every log file can show, none of which a terminal obeys."""
    return printable(text).replace(MINUS, "-").replace(DASH, "-").replace(NO_BREAK, " ").replace("µ", "u")


def _print(block: Block, console: Console) -> None:
    match block:
        case Heading(_, text):
            console.print(RichText(plain_signs(text), "bold"))
        case Text(text, soft):
            console.print(RichText(plain_signs(text), "dim" if soft else ""))
        case Items(items, kind, title):
            for about, text in items:
                console.print(_item(plain_signs(about), plain_signs(text), kind, title))
        case Table():
            console.print(_fitting(block, console))
        case Fold(title, inside):
            console.print(RichText(plain_signs(title), "bold"))
            for one in inside:
                _print(one, console)
        case Beside(_, inside):
            for one in inside:
                _print(one, console)
        case Pictures():
            pass


def _item(about: str, text: str, kind: str, title: str) -> RichText:
    if kind == "warnings":
        return RichText(f"{title or 'Note'}: {text}", "yellow")
    if kind == "answers":
        return RichText.assemble((about, "bold"), f" {text}" if about else text)
    return RichText(f"- {about}: {text}" if about else f"- {text}")


def _fitting(table: Table, console: Console) -> RichTable:
    """The roomiest layout that fits, since rich would cut numbers off to make one fit."""
    choices = [tuple(range(len(table.head))), *table.narrow]
    layouts = [_rich(table, columns, stacked) for columns in choices for stacked in (False, True)]
    for layout in layouts:
        if Measurement.get(console, console.options.update(width=10_000), layout).maximum <= console.width:
            return layout
    return layouts[-1]


def _rich(table: Table, columns: Sequence[int], stacked: bool) -> RichTable:
    out = RichTable(
        title=RichText(plain_signs(table.title)) if table.title else None,
        title_justify="left",
        title_style="bold",
        header_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        collapse_padding=True,
    )
    for i in columns:
        head = plain_signs(table.head[i])
        if i == 0:
            out.add_column(RichText(head), min_width=14, max_width=20 if stacked else 40)
        elif i in table.left:
            out.add_column(RichText(head))
        else:
            head = fill(head, 10 if stacked else 15, break_long_words=False, break_on_hyphens=False)
            out.add_column(RichText(head), justify="right", no_wrap=True)
    for line in table.lines:
        cells = [line.cells[i] if i < len(line.cells) else Cell("") for i in columns]
        out.add_row(
            *(_cell(cell, stacked, words=i == 0 or i in table.left) for i, cell in zip(columns, cells, strict=True)),
            style=_STYLES.get(line.kind),
        )
    return out


def _cell(cell: Cell, stacked: bool, *, words: bool) -> RichText:
    """A RichText, since rich would read "[...]" in a string as markup."""
    lines = [plain_signs(text) for text in (cell.text, *cell.below)]
    lines = lines if words else [fill(line, _SHORT if len(line) <= _SHORT else 15) for line in lines]
    beside = not stacked and all(len(line) <= _SHORT for line in lines)
    return RichText((" " if beside else "\n").join(lines), overflow="fold", style="bold" if cell.best else "")
