"""A document as Markdown in GitHub's flavour: a first page and those beside it, with links between them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ghn.report.document import Block, Cell, Document, Fold, Heading, Items, Line, Page, Pictures, Table, Text

FIRST = "index"
_SIGNS = re.compile(r"([\\`*_{}\[\]<>|~#$&])")
_SHORT = 24  # an interval
_STARTS = re.compile(r"^([-+]|\d+[.)])(?=\s)")  # would begin a list


def pages(document: Document) -> dict[str, str]:
    """The text of each page by the name of its file."""
    first, name = f"{FIRST}.md", document.name
    made = (
        f"Made {escape(document.created)} by ghn. Every number here is in [{name}.json]({name}.json) beside this page; "
        f"[{name}.html]({name}.html) shows the same in one file."
    )
    found = {first: _joined(name, document.title, made, document.blocks)}
    back = f"[{escape(document.home)}]({first})"
    return found | {f"{page.name}.md": _joined(name, page.title, back, _deeper(page)) for page in document.pages}


def mark(name: str) -> str:
    """By which a page that was made here is known again."""
    return f"<!-- made by ghn: {name} -->"


def escape(text: str) -> str:
    """Text in which nothing is read as markup."""
    return _STARTS.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", _SIGNS.sub(r"\\\1", text))


def _joined(name: str, title: str, below: str, blocks: Sequence[Block]) -> str:
    return "\n\n".join([mark(name), f"# {escape(title)}", below, *map(_block, blocks)]) + "\n"


def _deeper(page: Page) -> list[Block]:
    """What is a section of a section on the one page is a section here."""
    return [Heading(block.level - 1, block.text) if isinstance(block, Heading) else block for block in page.blocks]


def _block(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {escape(text)}"
        case Text(text):
            return escape(text)
        case Items():
            return _items(block)
        case Table():
            return _table(block)
        case Pictures(pictures):
            return "\n\n".join(
                f"![{escape(one.alt)}](figures/{one.name}.svg)" + (f"\n\n{escape(one.caption)}" if one.caption else "")
                for one in pictures
            )
        case Fold(title, inside):
            body = "\n\n".join(map(_block, inside))
            return f"<details><summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def _items(block: Items) -> str:
    mark = "> - " if block.kind == "warnings" else "- "
    lines = [f"{mark}{_about(about, block.kind)}{escape(text)}" for about, text in block.items]
    title = f"> **{escape(block.title)}**\n>\n" if block.title else ""
    return title + "\n".join(lines)


def _about(text: str, kind: str) -> str:
    return f"**{escape(text)}**{'' if kind == 'answers' else ':'} " if text else ""


def _table(table: Table) -> str:
    align = [":--" if i == 0 or i in table.left else "--:" for i in range(len(table.head))]
    rows = [[escape(head) for head in table.head], align, *(_row(line, len(table.head)) for line in table.lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(line: Line, columns: int) -> list[str]:
    if line.kind == "group":
        return [f"*{escape(line.cells[0].text)}*", *[""] * (columns - 1)]
    return [_cell(cell) for cell in line.cells]


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    text = f"[{text}]({cell.page}.md)" if cell.page else f"**{text}**" if cell.best else text
    return "<br>".join([text, *(_whole(escape(below)) for below in cell.below)])


def _whole(text: str) -> str:
    """An interval is not broken into lines; a reason is."""
    return text.replace(" ", "\N{NO-BREAK SPACE}") if len(text) <= _SHORT else text
