"""A document to a folder: one HTML page, Markdown where it is asked for, and its figures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from ghn.files import write_atomic
from ghn.report import html, markdown
from ghn.report.document import Document
from ghn.report.style import to_bytes

_COLOURS = 64  # of a PNG; the pictures have few, and files are a third as large


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
    drawn, there = draw(document), (folder / f"{document.name}.html").exists()
    files: dict[str, str | bytes] = {**(more or {}), **(markdown.pages(document) if as_markdown else {})}
    files |= {f"figures/{name}": data for name, data in drawn.items() if as_markdown or name.endswith(".png")}
    files[f"{document.name}.html"] = html.render(document, drawn)
    for name, data in files.items():
        write_atomic(folder / name, data)
    stale = [*folder.glob("*.md"), *(folder / "figures").glob(figures)] if there else []
    for path in stale:
        if path.relative_to(folder).as_posix() not in files and (path.suffix != ".md" or ours(path, document.name)):
            path.unlink()
    return folder / f"{document.name}.html"


def draw(document: Document) -> dict[str, bytes]:
    """All pictures as NAME.svg and NAME.png."""
    drawn = {}
    for one in document.pictures():
        drawn[f"{one.name}.svg"] = to_bytes(one.figure, "svg")
        drawn[f"{one.name}.png"] = _few_colours(to_bytes(one.figure, "png"))
    return drawn


def ours(path: Path, name: str) -> bool:
    """Whether a page was written for a document of this name."""
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(500)
    return markdown.mark(name) in head or f'content="{html.mark(name)}"' in head


def _few_colours(png: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(buffer, "PNG", optimize=True, dpi=image.info.get("dpi", (200, 200)))
    return buffer.getvalue()
