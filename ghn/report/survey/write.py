"""A survey to a folder: one HTML page, the same as Markdown, and its figures."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from ghn.errors import ExistsError
from ghn.files import write_atomic
from ghn.report import markdown as as_markdown
from ghn.report.document import Document
from ghn.report.markdown import estimator_text, first_page
from ghn.report.style import to_bytes
from ghn.report.survey import as_html
from ghn.report.survey.as_html import to_html
from ghn.report.survey.model import Survey
from ghn.report.survey.pages import FIRST, file_names, survey_document
from ghn.report.survey.terminal import print_survey
from ghn.types import Space

__all__ = ["print_survey", "write_survey"]

_COLOURS = 64  # of a PNG; the pictures have few, and files are a third as large


def write_survey(survey: Survey, space: Space[Any], folder: str | Path) -> Path:
    """Writes `survey.html`, `index.md`, a `KEY.md` an estimator, and `figures/`, each file whole or not at all.

    Pages and figures of a survey that was here before are replaced, and removed where they no longer exist.

    Args:
        survey: to write; its JSON is written by the job.
        space: of its networks.
        folder: made when missing; other files in it are left alone.

    Returns:
        The path of `survey.html`.

    Raises:
        ExistsError: a page that no survey wrote has the name of one to be written.
    """
    folder = Path(folder)
    _check(folder, [f"{name}.md" for name in (FIRST, *file_names(survey).values())] + ["survey.html"])
    # Everything is made before anything is written: a crash while drawing leaves the old survey as it was.
    document = survey_document(survey, space)
    pages = {f"{FIRST}.md": first_page(document)} | {f"{page.name}.md": estimator_text(page) for page in document.pages}
    svg, png = _draw(document)
    files = {name: text.encode() for name, text in pages.items()}
    files |= {f"figures/{name}.svg": data for name, data in svg.items()}
    files |= {f"figures/{name}.png": data for name, data in png.items()}
    files["survey.html"] = to_html(document, svg, png).encode()
    (folder / "figures").mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        write_atomic(folder / name, data)
    _remove_stale(folder, files)
    return folder / "survey.html"


def _draw(document: Document) -> tuple[dict[str, bytes], dict[str, bytes]]:
    svg: dict[str, bytes] = {}
    png: dict[str, bytes] = {}
    for one in document.drawings():
        if one.name not in svg:  # a pair of an advised estimator stands on two pages
            svg[one.name] = to_bytes(one.figure, "svg")
            png[one.name] = _few_colours(to_bytes(one.figure, "png"))
    return svg, png


def _few_colours(png: bytes) -> bytes:
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(png)) as image:
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(buffer, "PNG", optimize=True, dpi=image.info.get("dpi", (200, 200)))
    return buffer.getvalue()


def _check(folder: Path, names: list[str]) -> None:
    foreign = [name for name in names if (folder / name).exists() and not _ours(folder / name)]
    if foreign:
        raise ExistsError(
            "there are pages in this folder that no survey wrote",
            got=", ".join(foreign),
            fix="choose another folder, or rename them",
        )


def _ours(path: Path) -> bool:
    with path.open(encoding="utf-8", errors="replace") as file:
        head = file.read(500)
    return as_markdown.MARK in head or f'content="{as_html.MARK}"' in head


def _remove_stale(folder: Path, files: Mapping[str, bytes]) -> None:
    for path in folder.glob("*.md"):
        if path.name not in files and _ours(path):
            path.unlink()
    for path in (folder / "figures").glob("survey-*"):
        if path.suffix in (".svg", ".png") and f"figures/{path.name}" not in files:
            path.unlink()
