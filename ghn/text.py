"""Text from files and users, as terminals, pages, pictures and file names can show it."""

from __future__ import annotations

import re

# Control characters but tab and newline, which move the cursor or colour it; marks and overrides of direction, which
# make text read otherwise than it is; line separators; halves of surrogate pairs, which no encoding has.
_UNSHOWN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def printable(text: str) -> str:
    r"""The text with whatever a terminal would obey, or could not show, as escapes such as `\x1b`."""
    return _UNSHOWN.sub(lambda sign: ascii(sign[0])[1:-1], text)


def one_line(text: str, most: int = 80) -> str:
    """Printable text in a single line of at most `most` characters, which ends in dots where it is cut."""
    text = " ".join(printable(text[: most * 4]).split())  # of a huge text, no more than can be shown is gone through
    return text if len(text) <= most else f"{text[: most - 3]}..."
