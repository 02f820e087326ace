"""A report as blocks, from which HTML, Markdown and terminal are made alike: none says what another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure

_PAGE = 6.0  # inches


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading; 2 is that of a section."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `soft` is a remark."""

    text: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list.

    Attributes:
        items: (what it is about or "", text).
        kind: "list", or "facts" that are looked up; "answers" and "warnings" stand out.
        title: above it, or "".
    """

    items: tuple[tuple[str, str], ...]
    kind: str = "list"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a table: its text, smaller lines beneath, whether it is the best, and the page that it leads to."""

    text: str
    below: tuple[str, ...] = ()
    best: bool = False
    page: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table; `kind` is "row", "ceiling", "baseline" or "group" (one cell, a heading of those beneath)."""

    cells: tuple[Cell, ...]
    kind: str = "row"


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: for readers that cannot see it, and for the terminal.
        head: a heading a column.
        lines: of cells, as many as there are columns.
        narrow: choices of columns for terminals where not all of them fit, the widest first.
        left: columns of words, beside the first.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    narrow: tuple[tuple[int, ...], ...] = ()
    left: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and what it shows.

    Attributes:
        kind: of picture.
        subject: the row or statistic that it is of.
        figure: to be drawn.
        alt: what it shows, in words.
        name: of its files, without an ending; a document gives it.
        caption: beneath it, or "".
        many: whether it is one of many alike, which the one HTML page holds as PNG: they are less than half as large.
    """

    kind: str
    subject: str
    figure: Figure
    alt: str
    name: str = ""
    caption: str = ""
    many: bool = False

    @property
    def large(self) -> bool:
        """Whether it is too wide for a page, on which it then scrolls."""
        return float(self.figure.get_size_inches()[0]) > _PAGE


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side where there is room."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that a click unfolds, or folds where they are `unfolded`."""

    title: str
    blocks: tuple[Block, ...]
    unfolded: bool = False


Block: TypeAlias = Heading | Text | Items | Table | Pictures | Fold


@dataclass(frozen=True, slots=True)
class Page:
    """A page beside the first: name of its file, title, blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The first page, and those beside it.

    Attributes:
        name: "report" or "survey"; its files are NAME.html and NAME.json.
        title: heading of the first page.
        created: ISO 8601, UTC.
        blocks: of the first page.
        pages: beside it, such as one an estimator.
        contents: heading of these pages where they stand on one page with the first.
        home: what their links to the first page say.
    """

    name: str
    title: str
    created: str
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...] = ()
    contents: str = ""
    home: str = ""

    def pictures(self) -> list[Picture]:
        """All pictures, each name once: a picture may stand on two pages."""
        every = [one for blocks in (self.blocks, *(page.blocks for page in self.pages)) for one in _pictures(blocks)]
        return list({one.name: one for one in every}.values())


def _pictures(blocks: Sequence[Block]) -> Iterator[Picture]:
    for block in blocks:
        if isinstance(block, Pictures):
            yield from block.pictures
        elif isinstance(block, Fold):
            yield from _pictures(block.blocks)


def listed(*texts: str, kind: str = "list", title: str = "") -> Items:
    """A list of sentences."""
    return Items(tuple(("", text) for text in texts), kind, title)


def warned(texts: Sequence[str], title: str = "") -> list[Block]:
    """Warnings, where there are any."""
    return [listed(*texts, kind="warnings", title=title)] if texts else []


def some(*texts: str) -> tuple[str, ...]:
    """Those that say something."""
    return tuple(text for text in texts if text)
