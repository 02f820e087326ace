"""A document to a folder: one HTML page that needs nothing else, Markdown in GitHub's flavour, and figures."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from ghn.files import write_atomic
from ghn.report.document import Block, Cell, Document, Fold, Heading, Items, Line, Picture, Pictures, Table, Text
from ghn.report.style import to_bytes
from ghn.report.words import free_name, slug
from ghn.text import printable

FIRST = "index"
_COLOURS = 64  # of a PNG; the pictures have few, and files are a third as large
_SIGNS = re.compile(r"([\\`*_{}\[\]<>|~#$&])")
_STARTS = re.compile(r"^([-+]|\d+[.)])(?=\s)")  # would begin a list
_SHORT = 24  # an interval, which is not broken into lines; a reason is


def write_document(
    document: Document, folder: Path, figures: str, more: Mapping[str, str] | None = None, *, as_markdown: bool = False
) -> Path:
    """Writes `NAME.html` and `figures/`, each file whole or not at all; callers check what may be replaced.

    Pages and figures of a document of this name that was here before are removed where they no longer exist.

    Args:
        document: to write.
        folder: made when missing; other files in it are left alone.
        figures: a glob for the names of this document's figures.
        more: texts of further files, by name.
        as_markdown: whether its pages are written as Markdown too, with figures as SVG.

    Returns:
        The path of the HTML page.
    """
    # Everything is made before anything is written: a crash while drawing leaves what was there.
    page = folder / f"{document.name}.html"
    drawn, there = draw(document), page.exists()
    files: dict[str, str | bytes] = {**(more or {}), **(markdown(document) if as_markdown else {})}
    files |= {f"figures/{name}": data for name, data in drawn.items() if as_markdown or name.endswith(".png")}
    files[page.name] = render(document, drawn)
    for name, data in files.items():
        write_atomic(folder / name, data)
    stale = [*folder.glob("*.md"), *(folder / "figures").glob(figures)] if there else []
    for path in stale:
        if path.relative_to(folder).as_posix() not in files and (path.suffix != ".md" or ours(path, document.name)):
            path.unlink()
    return page


def draw(document: Document) -> dict[str, bytes]:
    """All pictures as NAME.svg and NAME.png."""
    drawn = {}
    for one in document.pictures():
        drawn[f"{one.name}.svg"] = to_bytes(one.figure, "svg")
        drawn[f"{one.name}.png"] = _few_colours(to_bytes(one.figure, "png"))
    return drawn


def _few_colours(png: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(buffer, "PNG", optimize=True, dpi=image.info.get("dpi", (200, 200)))
    return buffer.getvalue()


def ours(path: Path, name: str) -> bool:
    """Whether a page was written for a document of this name."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(500)
    return _comment(name) in head or f'content="{_generator(name)}"' in head


def _comment(name: str) -> str:
    """By which a page in Markdown is known again."""
    return f"<!-- made by ghn: {name} -->"


def _generator(name: str) -> str:
    """By which a page in HTML is known again."""
    return f"ghn {name}"


# --- one HTML page: no script, no font, no picture from outside ---


def render(document: Document, drawn: Mapping[str, bytes]) -> str:
    """The page, of which pages beside the first are the last section; `drawn` is what `draw` made of its pictures."""
    templates = Environment(
        loader=PackageLoader("ghn.report", "."),
        autoescape=True,
        finalize=lambda one: printable(one) if type(one) is str else one,  # no Markup, which is made of such text
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    anchors = _anchors(document.blocks)
    return templates.get_template("page.html.j2").render(
        document=document,
        kind_of=lambda block: type(block).__name__,
        image=lambda picture: _image(picture, drawn),
        mark=_generator(document.name),
        anchor_of=lambda block: anchors.get(id(block), ""),
    )


def _image(picture: Picture, drawn: Mapping[str, bytes]) -> Markup:
    # An <img> of its own keeps the ids inside one drawing from meeting those of the next.
    kind, data = ("png", drawn[f"{picture.name}.png"]) if picture.many else ("svg+xml", drawn[f"{picture.name}.svg"])
    text = base64.b64encode(data).decode("ascii")
    return Markup('<img src="data:image/{};base64,{}" alt="{}">').format(kind, text, printable(picture.alt))


def _anchors(blocks: Sequence[Block]) -> dict[int, str]:
    """A name for each section, by the identity of its heading: two may read alike."""
    found: dict[int, str] = {}
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            found[id(block)] = free_name(f"s-{slug(block.text)}", set(found.values()))
    return found


# --- Markdown: a first page and those beside it, with links between them ---


def markdown(document: Document, *, one_file: bool = True) -> dict[str, str]:
    """The text of each page by the name of its file; `one_file` says whether the HTML page is beside them."""
    name = document.name
    made = (
        f"Made {escape(document.created)} by ghn. Every number here is in [{name}.json]({name}.json) beside this page"
    )
    made += f"; [{name}.html]({name}.html) shows the same in one file." if one_file else "."
    found = {f"{FIRST}.md": _joined(name, document.title, made, document.blocks)}
    back = f"[{escape(document.home)}]({FIRST}.md)"
    for page in document.pages:  # what is a section of a section on the one page is a section here
        blocks = [Heading(one.level - 1, one.text) if isinstance(one, Heading) else one for one in page.blocks]
        found[f"{page.name}.md"] = _joined(name, page.title, back, blocks)
    return found


def escape(text: str) -> str:
    """Text in which nothing is read as markup."""
    return _STARTS.sub(lambda found: f"{found[1][:-1]}\\{found[1][-1]}", _SIGNS.sub(r"\\\1", printable(text)))


def _joined(name: str, title: str, below: str, blocks: Sequence[Block]) -> str:
    return "\n\n".join([_comment(name), f"# {escape(title)}", below, *map(block_text, blocks)]) + "\n"


def block_text(block: Block) -> str:
    """A block in Markdown; pictures lie in `figures/`."""
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
            body = "\n\n".join(map(block_text, inside))
            return f"<details><summary>{html.escape(title)}</summary>\n\n{body}\n\n</details>"


def _items(block: Items) -> str:
    mark = "> - " if block.kind == "warnings" else "- "
    colon = "" if block.kind == "answers" else ":"
    lines = [f"{mark}{f'**{escape(about)}**{colon} ' if about else ''}{escape(text)}" for about, text in block.items]
    title = f"> **{escape(block.title)}**\n>\n" if block.title else ""
    return title + "\n".join(lines)


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
    signs = {True: "\N{NO-BREAK SPACE}", False: " "}
    below = (escape(one) for one in cell.below)
    return "<br>".join([text, *(one.replace(" ", signs[len(one) <= _SHORT]) for one in below)])
