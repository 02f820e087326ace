"""How values show themselves: in one short line of plain text, and as a card in a notebook.

Every text is escaped here, once: names may come from files and users.
"""

from __future__ import annotations

import base64
import html
import sys
from collections.abc import Iterable, Mapping, Sequence, Sized
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar

import numpy as np

from ghn.text import one_line, printable

Class = TypeVar("Class", bound=type)
_LINE, _VALUE, _FEW = 200, 48, 4  # characters of a line and of a value in it, and items of one that is shown whole


def brief(cls: Class) -> Class:
    """Gives a dataclass a `repr` of one short line, in which large values say how large they are.

    Fields that have their default are left out.
    """
    cls.__repr__ = _line  # type: ignore[method-assign,assignment]
    return cls


def named(value: object, /, *parts: str, **fields: Any) -> str:
    """Such a line for any value: its class, then `parts` as they are, then fields."""
    shown = [*parts, *(f"{name}={_value(one)}" for name, one in fields.items())]
    return one_line(f"{type(value).__name__}({', '.join(shown)})", _LINE)


def _line(self: Any) -> str:
    own = {one.name: getattr(self, one.name) for one in fields(self) if one.repr}
    left = {one.name for one in fields(self) if one.repr and _is_default(one, own[one.name])}
    return named(self, **{name: value for name, value in own.items() if name not in left})


def _is_default(field: Field[Any], value: Any) -> bool:
    if field.default_factory is not MISSING:
        return isinstance(value, Sized) and not len(value)
    return value is field.default or (isinstance(value, str | int | float | tuple) and value == field.default)


def _value(value: Any) -> str:
    torch = sys.modules.get("torch")  # what has a tensor has imported it
    if isinstance(value, np.ndarray) or (torch is not None and isinstance(value, torch.Tensor)):
        return f"<{type(value).__name__} {list(value.shape)} {str(value.dtype).removeprefix('torch.')}>"
    if isinstance(value, str):
        return repr(one_line(value, _VALUE))
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        plain = len(value) <= _FEW and all(isinstance(one, str | int | float | None) for one in _flat(value))
        text = repr(value) if plain else ""
        return text if 0 < len(text) <= _VALUE else f"<{len(value)} items>"
    if is_dataclass(value) and not isinstance(value, type):
        size = f" of {len(value)}" if isinstance(value, Sized) else ""
        return f"<{type(value).__name__}{size}>"
    text = repr(value) if isinstance(value, int | float | complex | None) else ""
    return text if 0 < len(text) <= _VALUE else f"<{type(value).__name__}>"


def _flat(value: Any) -> Iterable[Any]:
    return (one for pair in value.items() for one in pair) if isinstance(value, Mapping) else value


# --- cards ---

_CELL = ' style="text-align:left;vertical-align:top"'
_NUMBER = ' style="text-align:right;vertical-align:top;font-variant-numeric:tabular-nums"'


def escape(text: object) -> str:
    """Text in which nothing is read as markup, nor obeyed or left out by what shows it."""
    return html.escape(printable(str(text)))


def card(title: str, *parts: str) -> str:
    """A title in bold above parts that are HTML already."""
    return f'<div class="ghn-card"><p><b>{escape(title)}</b></p>{"".join(parts)}</div>'


def facts(values: Mapping[str, Any]) -> str:
    """A table of names and values; those that are None are left out."""
    rows = [
        f'<tr><th scope="row"{_CELL}>{escape(name)}</th><td{_CELL}>{escape(one_line(_words(value), 300))}</td></tr>'
        for name, value in values.items()
        if value is not None
    ]
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, words: Sequence[int] = (0,)) -> str:
    """A table; the columns of `words` are put to the left, numbers to the right."""

    def cell(i: int, text: Any, tag: str) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        return f"<{tag}{scope}{_CELL if i in words else _NUMBER}>{escape(one_line(_words(text), 300))}</{tag}>"

    top = "".join(cell(i, one, "th") for i, one in enumerate(head))
    body = "".join(f"<tr>{''.join(cell(i, one, 'td') for i, one in enumerate(row))}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{escape(text)}</p>"


def picture(data: bytes, kind: str, alt: str, *, width: int | None = None, tall: int | None = None) -> str:
    """A picture ("svg+xml" or "png") on a light ground; one of more than `tall` pixels is scrolled.

    An <img> of its own keeps the ids inside one drawing from meeting those of the next.
    """
    wide = "" if width is None else f"width:{width}px;"
    style = f"{wide}max-width:100%;background:#fff;border-radius:4px;image-rendering:auto"
    text = base64.b64encode(data).decode("ascii")
    shown = f'<img src="data:image/{kind};base64,{text}" alt="{escape(alt)}" style="{style}">'
    if tall is None:
        return shown
    around = f'tabindex="0" role="region" aria-label="{escape(alt)}" style="max-height:{tall}px;overflow:auto"'
    return f"<div {around}>{shown}</div>"


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return " x ".join(map(str, value)) if _is_shape(value) else ", ".join(map(_words, value))
    return str(value)


def _is_shape(value: Sequence[Any]) -> bool:
    return len(value) > 1 and all(type(one) is int for one in value)
