"""A report as blocks, from which HTML, Markdown and terminal are made alike: none says what another does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from matplotlib.figure import Figure

from ghn.display import brief

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
    """A list with a title above it, or ""."""

    items: tuple[tuple[str, str], ...]  # what it is about or "", text
    kind: str = "list"  # or "facts" that are looked up; "answers", which are read first, and "warnings" stand out
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


@brief
@dataclass(frozen=True, slots=True)
class Table:
    """A table: a heading a column, and lines of as many cells."""

    title: str  # for readers that cannot see it, and for the terminal
    head: tuple[str, ...]
    lines: tuple[Line, ...]
    narrow: tuple[tuple[int, ...], ...] = ()  # columns for terminals where not all of them fit, the widest choice first
    left: tuple[int, ...] = ()  # columns of words, beside the first


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure, and what it shows."""

    kind: str
    subject: str  # the row or statistic that it is of
    figure: Figure
    alt: str  # what it shows, in words
    name: str = ""  # of its files, without an ending; a document gives it
    caption: str = ""
    many: bool = False  # one of many alike, which the one HTML page holds as PNG: they are less than half as large

    @property
    def large(self) -> bool:
        """Whether it is too wide for a page, on which it then scrolls."""
        return float(self.figure.get_size_inches()[0]) > _PAGE


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures side by side where there is room."""

    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """A picture, with blocks beside it where there is room and beneath it where there is none."""

    picture: Picture
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """Blocks that a click unfolds, or folds where they are `unfolded`."""

    title: str
    blocks: tuple[Block, ...]
    unfolded: bool = False


Block: TypeAlias = Heading | Text | Items | Table | Pictures | Beside | Fold


@brief
@dataclass(frozen=True, slots=True)
class Page:
    """A page beside the first: name of its file, title, blocks."""

    name: str
    title: str
    blocks: tuple[Block, ...]


@brief
@dataclass(frozen=True, slots=True)
class Document:
    """The first page, and those beside it, such as one an estimator."""

    name: str  # "report" or "survey"; its files are NAME.html and NAME.json
    title: str
    created: str  # ISO 8601, UTC
    blocks: tuple[Block, ...]
    pages: tuple[Page, ...] = ()
    contents: str = ""  # heading of these pages where they stand on one page with the first
    home: str = ""  # what their links to the first page say

    def pictures(self) -> list[Picture]:
        """All pictures, each name once: a picture may stand on two pages."""
        every = [one for blocks in (self.blocks, *(page.blocks for page in self.pages)) for one in _pictures(blocks)]
        return list({one.name: one for one in every}.values())


def _pictures(blocks: Sequence[Block]) -> Iterator[Picture]:
    for block in blocks:
        if isinstance(block, Pictures):
            yield from block.pictures
        elif isinstance(block, Beside):
            yield block.picture
            yield from _pictures(block.blocks)
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
