"""Blocks on a terminal: whole numbers and whole words at any width, and plain signs in log files."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ghn.drawing.style import canvas
from ghn.report.document import Cell, Fold, Heading, Items, Line, Picture, Pictures, Table, Text, listed
from ghn.report.terminal import print_blocks

STRING = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"


def printed(*blocks: object, width: int = 100, terminal: bool = False, log: int = 100) -> str:
    file = io.StringIO()
    print_blocks(blocks, Console(file=file, width=width, force_terminal=terminal, color_system=None), log=log)  # type: ignore[arg-type]
    return file.getvalue()


def table(cells: int = 6) -> Table:
    head = ("name", *(f"column {i}" for i in range(cells)))
    row = (Cell("a name"), *(Cell(f"0.{i}5", (f"[0.{i}1, 0.{i}9]",), best=not i) for i in range(cells)))
    return Table("A table", head, (Line(row), Line((Cell("A group"),), "group")), narrow=((0, 1),))


@pytest.mark.parametrize(
    ("width", "shown"), [(160, "0.05 [0.01, 0.09]"), (110, "[0.51, 0.59]"), (40, "0.05 [0.01, 0.09]")]
)
def test_the_roomiest_layout_that_fits(width: int, shown: str) -> None:
    text = printed(table(), width=width, terminal=True)
    assert shown in text and "A group" in text and "…" not in text
    assert ("column 5" in text.replace("\n", " ") or "[0.51" in text) == (width > 40)
    assert max(map(len, text.splitlines())) <= width


def test_words_are_folded_and_never_cut() -> None:
    best = Table("", ("value", "network"), (Line((Cell("0.5"), Cell(STRING))),), left=(1,))
    text = printed(best, width=60, terminal=True)
    assert STRING in "".join(text.split()) and max(map(len, text.splitlines())) <= 60
    assert STRING in printed(best, log=140)


def test_every_kind_of_block_but_pictures() -> None:
    figure, _ = canvas(1, 1)
    text = printed(
        Heading(2, "A heading"),
        Text("A remark.", soft=True),
        Items((("about", "text"), ("", "alone"))),
        Items((("A question?", "An answer."), ("", "A summary.")), "answers"),
        listed("Look out", kind="warnings"),
        listed("Look out", kind="warnings", title="Warning"),
        Fold("Inside", (Text("\N{MINUS SIGN}1 µs [x] [bold]"),)),
        Pictures((Picture("kind", "subject", figure, "alt"),)),
    )
    assert [line.rstrip() for line in text.splitlines()] == [
        "A heading",
        "A remark.",
        "- about: text",
        "- alone",
        "A question? An answer.",
        "A summary.",
        "Note: Look out",
        "Warning: Look out",
        "Inside",
        "-1 us [x] [bold]",
    ]
