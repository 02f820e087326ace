"""A document as one HTML page that needs nothing else: no script, no font, no picture from outside."""

from __future__ import annotations

from collections.abc import Mapping

from ghn.report.document import Document
from ghn.report.html import environment, inline
from ghn.report.write import slug

MARK = "ghn survey"  # by which a page that was made here is known again


def to_html(document: Document, svg: Mapping[str, bytes], png: Mapping[str, bytes]) -> str:
    """The page; pages of estimators are its last section.

    Args:
        document: to show.
        svg: by name of each of its pictures.
        png: the same.
    """
    images = {
        one.name: inline(png[one.name], one.alt, "png") if one.many else inline(svg[one.name], one.alt)
        for one in document.drawings()
    }
    templates = environment()
    templates.filters["slug"] = slug
    templates.globals |= {"kind_of": lambda block: type(block).__name__, "images": images, "mark": MARK}
    return templates.get_template("survey/survey.html.j2").render(document=document)
