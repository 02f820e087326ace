"""From plain options to typed keys, and what is said of those that do not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ghn.app.job_keys import Keys
from ghn.errors import ConfigError

SomeKeys = TypeVar("SomeKeys", bound=Keys)


def read_keys(kind: type[SomeKeys], options: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> SomeKeys:
    """Reads the keys of a job, or of a training.

    Args:
        kind: which.
        options: as configs give them.
        usual: the same with defaults alone, from which an example is shown.

    Raises:
        ConfigError: a key is missing, unknown, or has a value of another type.
    """
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        raise _what_is_wrong(kind, error.errors(include_url=False)[0], usual or {}) from None


def _what_is_wrong(kind: type[Keys], error: ErrorDetails, usual: Mapping[str, Any]) -> ConfigError:
    path, known = _place(kind, error)
    key, example = ".".join(path), _at(usual, path)
    if error["type"] == "extra_forbidden":
        return ConfigError(f"there is no key {key}", expected=" | ".join(dotted(kind)))
    if error["type"] == "missing":
        return ConfigError(f"{key} must be given", fix=f"add {key}=...")
    wanted = error["msg"] if known is None else _type_name(known.annotation)
    shown = "" if example is None else f", such as {example}"
    meaning = f" ({known.description})" if known is not None and known.description else ""
    return ConfigError(f"{key} has the wrong type", got=error["input"], expected=f"{wanted}{shown}{meaning}")


def dotted(kind: type[Keys], prefix: str = "") -> Iterator[str]:
    """Dotted names of all keys."""
    for name, field in kind.model_fields.items():
        yield prefix + name
        for inner in groups_of(field):
            yield from dotted(inner, f"{prefix}{name}.")


def groups_of(field: FieldInfo) -> list[type[Keys]]:
    """The groups of keys that may stand at a key, or in a list there."""
    first = get_args(field.annotation)
    every = (field.annotation, *first, *(inner for one in first for inner in get_args(one)))
    return [one for one in every if isinstance(one, type) and issubclass(one, Keys)]


def _place(kind: type[Keys], error: ErrorDetails) -> tuple[list[str], FieldInfo | None]:
    """What a user would call an error's place, and the key that it is at; labels of unions are left out."""
    path: list[str] = []
    field: FieldInfo | None = None
    groups, ends = [kind], error["type"] in ("extra_forbidden", "missing")
    for at, part in enumerate(error["loc"], start=1):
        found = [group.model_fields[part] for group in groups if isinstance(part, str) and part in group.model_fields]
        if found or isinstance(part, int) or (ends and at == len(error["loc"])):
            path.append(str(part))
        if found:
            field, groups = found[0], groups_of(found[0])
    return path, field


def _at(options: Any, path: Sequence[str]) -> Any:
    for part in path:
        if not isinstance(options, Mapping) or part not in options:
            return None
        options = options[part]
    return options


def _type_name(annotation: Any) -> str:
    name = annotation.__name__ if isinstance(annotation, type) and not get_args(annotation) else str(annotation)
    return name.replace("typing.", "").replace("None", "null")
