"""From plain options to typed keys; and what is said, in plain words, of keys that do not fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ghn.app.ranges import Keys, Reads
from ghn.arguments import in_words
from ghn.errors import ConfigError, GhnError, meant

SomeKeys = TypeVar("SomeKeys", bound=Keys)
ENDS = ("extra_forbidden", "missing")  # errors whose place ends with a key that is not there


def read_keys(kind: type[SomeKeys], options: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> SomeKeys:
    """Reads the keys of a job, or of a training; `usual` are options with defaults alone, to show an example from.

    Raises:
        ConfigError: a key is missing or unknown, its value is of another type or out of range, or values do not go
            together.
    """
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        raise _what_is_wrong(kind, error.errors(include_url=False), options, usual or {}) from None


def dotted(kind: type[Keys], prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys."""
    for name, field in kind.model_fields.items():
        yield prefix + name
        for inner in groups_of(field.annotation):
            yield from dotted(inner, f"{prefix}{name}.")


def groups_of(annotation: Any) -> list[type[Keys]]:
    """The groups of keys that may stand where something has this type."""
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        return [annotation]
    return [group for inner in get_args(annotation) for group in groups_of(inner)]


def _what_is_wrong(
    kind: type[Keys], errors: Sequence[ErrorDetails], options: Mapping[str, Any], usual: Mapping[str, Any]
) -> GhnError:
    """The first key that is wrong, in words; of several types that a value can be of, the one that it is nearest to."""
    first, _ = _place(kind, errors[0], options)
    placed = [(error, *_place(kind, error, options)) for error in errors]
    same = [one for one in placed if one[1][: len(first)] == first]
    error, path, field = max(same, key=lambda one: (not _is_of_type(one[0]), len(one[1])))
    if isinstance(raised := error.get("ctx", {}).get("error"), GhnError):
        return raised
    if error["type"].startswith("union_tag"):  # of groups that one of their keys tells apart
        return _no_such_group(path, error, field)
    key = ".".join(path)
    if error["type"] == "extra_forbidden":
        return ConfigError(f"there is no key {key}", expected=" | ".join(_beside(kind, path, options)))
    if error["type"] == "missing":
        return ConfigError(f"{key} must be given", fix=f"add {key}=...")
    example = _at(usual, path)
    shown = None if example is None or "${" in str(example) else f"for instance {key}={_typed(example)}"
    expected = error["msg"] if field is None else in_words(field.annotation, field.metadata)
    meaning = f" ({field.description})" if field is not None and field.description else ""
    got = "null" if error["input"] is None else repr(error["input"])
    names = re.findall(r"\w+(?= \|)|(?<=\| )\w+", expected)
    if isinstance(error["input"], str) and (near := meant(error["input"], names)):
        shown = near
    return ConfigError(f"{key} {_how(error)}", got=got, expected=f"{expected}{meaning}", fix=shown)


def _no_such_group(path: Sequence[str], error: ErrorDetails, field: FieldInfo | None) -> ConfigError:
    """What is said of a key whose value says which keys there are beside it, and is none of those that there are."""
    key = error["ctx"]["discriminator"].strip("'")
    groups = [] if field is None else groups_of(field.annotation)
    names = [name for group in groups for name in get_args(group.model_fields[key].annotation)]
    got = error["input"].get(key) if isinstance(error["input"], Mapping) else error["input"]
    return ConfigError(f"{'.'.join((*path, key))} cannot have this value", got=repr(got), expected=" | ".join(names))


def _is_of_type(error: ErrorDetails) -> bool:
    return error["type"].endswith("_type") or error["type"] == "literal_error"


def _how(error: ErrorDetails) -> str:
    """In which way a value is wrong."""
    if error["type"] in ("literal_error", "value"):
        return "cannot have this value"
    return "has the wrong type" if error["type"].endswith("_type") else "is out of range"


def _beside(kind: type[Keys], path: Sequence[str], options: Mapping[str, Any]) -> list[str]:
    """The keys that there are where one is unknown; all of a job where it is not in a group."""
    at: list[Any] = [kind]
    for place, part in enumerate(path[:-1]):
        at, _, _ = _step(at, part, _name_at(options, path[: place - 1]))
    names = [name for one in at for group in _read(one, _name_at(options, path[:-2])) for name in group.model_fields]
    return [".".join((*path[:-1], name)) for name in names] if len(path) > 1 else list(dotted(kind))


def _place(kind: type[Keys], error: ErrorDetails, options: Mapping[str, Any]) -> tuple[list[str], FieldInfo | None]:
    """What a user would call an error's place, and the key that it is at; labels of unions are left out."""
    path: list[str] = []
    found: FieldInfo | None = None
    at: list[Any] = [kind]
    for place, part in enumerate(error["loc"], start=1):
        last = error["type"] in ENDS and place == len(error["loc"])
        after, taken, field = _step(at, part, _name_at(options, path[:-1]))
        if taken or last:
            path.append(str(part))
            at, found = after, field or found
    return path, found


def _step(at: Sequence[Any], part: str | int, name: Any) -> tuple[list[Any], bool, FieldInfo | None]:
    """Types within types at a part of a place, whether it is no mere label, and the key that it is."""
    groups = [group for one in at for group in _read(one, name)]
    if fields := [group.model_fields[part] for group in groups if isinstance(part, str) and part in group.model_fields]:
        return list(_members(fields[0].annotation, fields[0].metadata)), True, fields[0]
    if isinstance(part, int):
        return [inner for one in at for arg in get_args(_bare(one))[:1] for inner in _members(arg)], True, None
    if len(at) == 1 and get_origin(_bare(at[0])) is dict and not groups:  # the key of an entry
        return list(_members(get_args(_bare(at[0]))[1])), True, None
    return list(at), False, None


def _members(annotation: Any, metadata: Sequence[Any] = ()) -> Iterator[Any]:
    """The types of which a value may be, apart from null, each with what is said of it."""
    if get_origin(annotation) in (Union, UnionType):
        for inner in get_args(annotation):
            yield from _members(inner)
    elif annotation is not NoneType:
        yield Annotated[annotation, *metadata] if metadata else annotation


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _read(annotation: Any, name: Any) -> list[type[Keys]]:
    """The groups whose keys may stand directly in a value of a type, beside a sibling `name`."""
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        return [annotation]
    reads = [one for one in get_args(annotation)[1:] if isinstance(one, Reads)] if _is_annotated(annotation) else []
    return [kind for one in reads if (kind := one.of(name)) is not None]


def _is_annotated(annotation: Any) -> bool:
    return get_origin(annotation) is Annotated


def _name_at(options: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The `name` beside the last part of a path."""
    group = _at(options, path)
    return group.get("name") if isinstance(group, Mapping) else None


def _at(options: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(options, Mapping) or part not in options:
            return None
        options = options[part]
    return options


def _typed(value: Any) -> str:
    """A value as it is typed."""
    return str(value).lower() if isinstance(value, bool) else str(value).replace("None", "null").replace("'", "")
