"""A document as one HTML page that needs nothing else: no script, no font, no picture from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ghn.report.document import Block, Document, Heading, Picture
from ghn.report.words import slug


def render(document: Document, drawn: Mapping[str, bytes]) -> str:
    """The page; pages beside the first are its last section.

    Args:
        document: to show.
        drawn: its pictures by name and ending, as `ghn.report.write.draw` gives them.
    """
    templates = Environment(
        loader=PackageLoader("ghn.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    anchors = _anchors(document.blocks)
    templates.globals |= {
        "kind_of": lambda block: type(block).__name__,
        "image": lambda picture: _image(picture, drawn),
        "mark": mark(document.name),
        "anchor_of": lambda block: anchors.get(id(block), ""),
    }
    return templates.get_template("page.html.j2").render(document=document)


def mark(name: str) -> str:
    """By which a page that was made here is known again."""
    return f"ghn {name}"


def _image(picture: Picture, drawn: Mapping[str, bytes]) -> Markup:
    # An <img> of its own keeps the ids inside one drawing from meeting those of the next.
    kind, data = ("png", drawn[f"{picture.name}.png"]) if picture.many else ("svg+xml", drawn[f"{picture.name}.svg"])
    text = base64.b64encode(data).decode("ascii")
    return Markup('<img src="data:image/{};base64,{}" alt="{}">').format(kind, text, picture.alt)


def _anchors(blocks: Sequence[Block]) -> dict[int, str]:
    """A name for each section, by the identity of its heading: two may read alike."""
    found: dict[int, str] = {}
    for block in blocks:
        if isinstance(block, Heading) and block.level == 2:
            name = f"s-{slug(block.text)}"
            while name in found.values():
                name += "-2"
            found[id(block)] = name
    return found
