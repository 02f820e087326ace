"""What messages show of values from elsewhere: short, and without anything that a terminal would obey."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from ghn.text import printable

LONGEST = 2000  # characters of a value
DEEPEST = 12  # levels of containers in containers
_BRACKETS: dict[Any, tuple[str, str]] = {  # of containers that are shown item by item, by their `__repr__`
    list.__repr__: ("[", "]"),
    tuple.__repr__: ("(", ")"),
    set.__repr__: ("{", "}"),
    dict.__repr__: ("{", "}"),
    frozenset.__repr__: ("frozenset({", "})"),
    OrderedDict.__repr__: ("OrderedDict({", "})"),
}


def shown(value: object, longest: int = LONGEST) -> str:
    """A text as it is, anything else as its `repr`; both printable, and no longer than that allows.

    Containers that hold one another again and again, whose `repr` would be exponential, cost no more than others.
    """
    return printable(shortened(value if isinstance(value, str) else _repr(value, longest, 0), longest))


def shortened(text: str, longest: int = LONGEST) -> str:
    """A text without its middle, where it is too long: messages begin with a place and end with a reason."""
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end]} ... [{len(text) - longest} characters] ... {text[-end:]}"


def _repr(value: Any, room: int, level: int) -> str:
    """`repr` that ends after about so many characters."""
    if type(value) in (str, bytes):
        return repr(value) if len(value) <= room else f"{value[: max(room, 1)]!r}..."
    if type(value) is int and value.bit_length() > 4 * room:
        return f"<a number of {value.bit_length()} bits>"
    try:
        if (brackets := _BRACKETS.get(type(value).__repr__)) is None:
            return repr(value)
        if not value:
            return repr(value)
        return _items(value, brackets, room, level)
    except Exception:  # whatever a `repr` of elsewhere raises
        return f"<{type(value).__name__}>"


def _items(value: Any, brackets: tuple[str, str], room: int, level: int) -> str:
    """The items of a container, as far as there is room for them."""
    if level == DEEPEST:
        return f"{brackets[0]}...{brackets[1]}"
    pairs: Iterable[tuple[Any, ...]] = value.items() if isinstance(value, dict) else ((one,) for one in value)
    parts: list[str] = []
    for pair in pairs:
        if room <= 0:
            parts.append("...")
            break
        parts.append(": ".join(_repr(one, room, level + 1) for one in pair))
        room -= len(parts[-1]) + 2
    comma = "," if brackets == ("(", ")") and len(parts) == 1 else ""
    return f"{brackets[0]}{', '.join(parts)}{comma}{brackets[1]}"
