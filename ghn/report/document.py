"""A report as blocks, from which HTML, Markdown and terminal are made alike: none says what another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure

from ghn.report.figures import Picture

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
    """A list, each item with what it is about before a colon, or nothing.

    Attributes:
        items: (what it is about or "", text).
        kind: "list"; "answers" and "warnings" stand out.
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
        narrow: columns that a narrow terminal keeps.
        left: columns of words, beside the first.
    """

    title: str
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    narrow: tuple[int, ...] = ()
    left: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture.

    Attributes:
        name: of its files, without an ending.
        figure: to be drawn.
        alt: what it shows, in words.
        caption: beneath it, or "".
        many: whether it is one of many alike, which the one HTML page holds as PNG: they are less than half as large.
    """

    name: str
    figure: Figure
    alt: str
    caption: str = ""
    many: bool = False

    @property
    def large(self) -> bool:
        """Whether it is too wide for a page, on which it then scrolls."""
        return float(self.figure.get_size_inches()[0]) > _PAGE


@dataclass(frozen=True, slots=True)
class Drawings:
    """Pictures side by side where there is room."""

    pictures: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that are unfolded by a click."""

    title: str
    blocks: tuple[Block, ...]


Block: TypeAlias = Heading | Text | Items | Table | Drawings | Fold


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one estimator: name of its file, title, blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """The first page, and a page an estimator."""

    title: str
    created: str
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...]

    def drawings(self) -> list[Drawing]:
        """All pictures."""
        return [d for blocks in (self.blocks, *(page.blocks for page in self.pages)) for d in _drawings(blocks)]


def _drawings(blocks: Sequence[Block]) -> Iterator[Drawing]:
    for block in blocks:
        if isinstance(block, Drawings):
            yield from block.pictures
        elif isinstance(block, Fold):
            yield from _drawings(block.blocks)


def drawing(picture: Picture, name: str, caption: str = "") -> Drawing:
    """A picture under a name."""
    return Drawing(name, picture.figure, picture.alt, caption)


def listed(*texts: str, kind: str = "list", title: str = "") -> Items:
    """A list of sentences."""
    return Items(tuple(("", text) for text in texts), kind, title)
