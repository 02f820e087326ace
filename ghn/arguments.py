"""What functions and classes take, told in plain words where what is given from outside does not fit."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from ghn.errors import ConfigError, meant


def check_names(what: str, owner: str, function: Callable[..., Any], given: Mapping[str, Any], *, own: int = 0) -> None:
    """Refuses names that a function does not take, and missing ones; its first `own` parameters are given otherwise.

    Raises:
        ConfigError: a name of `what`, such as "setting" of the `owner` "space darts", is unknown or missing.
    """
    every = list(inspect.signature(function).parameters.values())
    if any(one.kind is one.VAR_KEYWORD for one in every):
        return
    parameters = {one.name: one for one in every[own:]}
    for name in given:
        if name not in parameters:
            raise unknown(f"{what} of {owner}", str(name), list(parameters))
    if missing := [one.name for one in parameters.values() if one.default is one.empty and one.name not in given]:
        raise ConfigError(f"{owner} needs the {what} {missing[0]}", got=dict(given), expected=", ".join(parameters))


def unknown(what: str, got: object, known: Sequence[str]) -> ConfigError:
    """What is said of a name that is none of those that there are, with the one that is nearest."""
    return ConfigError(f"unknown {what}", got=got, expected=", ".join(known) or "none", fix=meant(got, known, most=1))


def check_path(what: str, got: object) -> Path:
    """The path of a file or folder (`what`) that is given.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(got, str | os.PathLike):
        raise ConfigError(
            f"{what} needs a path", got=repr(got), expected='a path, such as "outputs/mine"', fix="give one"
        )
    return Path(got)


@dataclass(frozen=True, slots=True)
class Words:
    """Says in an annotation what a value is, where its type and range do not."""

    text: str


_PLAIN: dict[Any, str] = {
    bool: "true or false",
    str: "text",
    NoneType: "null",
    int: "a whole number",
    float: "a number",
    dict: "settings: {NAME: VALUE, ...}",
    Mapping: "settings: {NAME: VALUE, ...}",
    Path: "a path",
    Callable: "a function",
    Any: "a value",
}


def in_words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """A type and its range as a user would say them, such as "a whole number from 1 to 65,535, or null"."""
    said = [one.text for one in metadata if isinstance(one, Words)]
    if said:
        return said[0]
    limits = list(_flat(metadata))
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return in_words(inner[0], [*inner[1:], *metadata])
    if origin in (Union, UnionType):
        return ", or ".join(in_words(one, () if one is NoneType else metadata) for one in inner)
    if origin is Literal:
        return " | ".join(map(str, inner))
    if origin in (list, Sequence):
        least = next((one.min_length for one in limits if isinstance(one, MinLen)), 0)
        return f"a list{f' of at least {least}' if least else ''}, each {in_words(inner[0])}"
    if origin is tuple:
        return _tuple(inner)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"the keys {', '.join(annotation.model_fields)}"
    name = _PLAIN.get(origin or annotation) or (annotation.__name__ if isinstance(annotation, type) else "a value")
    return " ".join([name, *_range(limits)])


def _tuple(inner: Sequence[Any]) -> str:
    """A list, as yaml and JSON have them, of any length or of so many values."""
    if len(inner) == 2 and inner[1] is ...:
        return f"a list, each {in_words(inner[0])}"
    return f"a list of {len(inner)}: {', '.join(map(in_words, inner))}"


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    """What is said in an annotation, and in the fields that stand there."""
    for one in metadata:
        yield from one.metadata if isinstance(one, FieldInfo) else (one,)


def _range(limits: Iterable[Any]) -> list[str]:
    """The range that limits give, in words; none for none."""
    low, high = "", ""
    for one in limits:
        if isinstance(one, Ge):
            low = f"of at least {_number(one.ge)}"
        elif isinstance(one, Gt):
            low = f"above {_number(one.gt)}"
        elif isinstance(one, Le):
            high = f"at most {_number(one.le)}"
        elif isinstance(one, Lt):
            high = f"below {_number(one.lt)}"
    if low.startswith("of at least") and high.startswith("at most"):
        return [f"from {low.removeprefix('of at least ')} to {high.removeprefix('at most ')}"]
    if low and high:
        return [f"{low} and {high}"]
    return [low or high.replace("at most", "of at most")] if low or high else []


def _number(limit: Any) -> str:
    return f"{limit:,}"
