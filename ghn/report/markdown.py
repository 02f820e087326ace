"""A document as Markdown in GitHub's flavour: a first page and a page an estimator, with links between them."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ghn.report.document import Block, Cell, Document, Drawings, Fold, Heading, Items, Line, Page, Table, Text

MARK = "<!-- made by ghn: survey -->"  # by which a page that was made here is known again
_SIGNS = re.compile(r"([\\`*_{}\[\]<>|~#$&])")
_SHORT = 24  # an interval
_STARTS = re.compile(r"^([-+]|\d+[.)])(?=\s)")  # would begin a list


def first_page(document: Document) -> str:
    """The first page, `index.md`."""
    made = (
        f"Made {escape(document.created)} by ghn. Every number here is in [survey.json](survey.json) beside this page; "
        "[survey.html](survey.html) shows the same in one file."
    )
    return "\n\n".join([MARK, f"# {escape(document.title)}", made, *_blocks(document.blocks)]) + "\n"


def estimator_text(page: Page) -> str:
    """The page of an estimator."""
    deeper = [  # what is a section of a section on the one page is a section here
        Heading(block.level - 1, block.text) if isinstance(block, Heading) else block for block in page.blocks
    ]
    return "\n\n".join([MARK, f"# {escape(page.title)}", "[All estimators](index.md)", *_blocks(deeper)]) + "\n"


def escape(text: str) -> str:
    """Text in which nothing is read as markup."""
    return _STARTS.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", _SIGNS.sub(r"\\\1", text))


def _blocks(blocks: Sequence[Block]) -> list[str]:
    return [_block(block) for block in blocks]


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
        case Drawings(pictures):
            return "\n\n".join(
                f"![{escape(one.alt)}](figures/{one.name}.svg)" + (f"\n\n{escape(one.caption)}" if one.caption else "")
                for one in pictures
            )
        case Fold(title, inside):
            body = "\n\n".join(_blocks(inside))
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
