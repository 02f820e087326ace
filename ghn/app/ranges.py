"""What the values of keys can be: types with their ranges, and the same in plain words.

Nothing is imported that takes time: `--help` and wrong keys are answered at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationInfo, create_model
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import with_info_after_validator_function

from ghn.app.estimators import ESTIMATORS
from ghn.errors import MOST_SEED

MOST = 10**9  # of what is only counted
PATH_MAX = 4096  # bytes of a path, on Linux


class Keys(BaseModel):
    """A group of keys, none of which may be missing or unknown; numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Words:
    """Says in an annotation what a value is, where its type and range do not."""

    text: str


class Reads:
    """Says in an annotation of settings that they are the keys of a group; they are checked, and left as they are."""

    def __init__(self, kind: type[Keys]) -> None:
        self.kind = kind

    def of(self, name: Any) -> type[Keys] | None:
        """The group, whatever the sibling `name` says."""
        return self.kind

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return with_info_after_validator_function(self._check, handler(source))

    def _check(self, settings: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if kind := self.of((info.data or {}).get("name")):
            kind.model_validate(settings)
        return settings


class ReadsByName(Reads):
    """The same of the group that the sibling `name` says."""

    def __init__(self, kinds: Mapping[str, type[Keys]]) -> None:
        self.kinds = kinds

    def of(self, name: Any) -> type[Keys] | None:
        return self.kinds.get(name)


def partly(kind: type[Keys], *, but: Collection[str] = ()) -> type[Keys]:
    """The same group of keys, any of which may be left out, `but` for some."""
    fields: dict[str, Any] = {
        name: (Annotated[field.annotation, *field.metadata, None], Field(default=None, description=field.description))
        for name, field in kind.model_fields.items()
        if name not in but
    }
    return create_model(f"Some{kind.__name__}", __base__=kind, __doc__=kind.__doc__, **fields)


def refuse(words: str) -> PydanticCustomError:
    """What a validator raises of a value that is not `words`."""
    return PydanticCustomError("value", "{words}", {"words": words})


def _is_typed(text: str) -> str:
    """What can be passed to an operating system: not empty, no zero byte, no half of a character."""
    if not text.strip() or "\0" in text or len(text.encode(errors="replace")) > PATH_MAX:
        raise refuse("text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise refuse("text") from None
    return text


def _is_named(settings: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(settings.get("name"), str) or not settings["name"]:
        raise refuse("a name, and settings")
    return settings


def _is_estimator(name: str) -> str:
    if name not in ESTIMATORS:
        raise refuse("an estimator")
    return name


Text = Annotated[str, AfterValidator(_is_typed), Words("text")]
Texts = Annotated[list[Text], Field(min_length=1)]
Named = Annotated[dict[str, Any], AfterValidator(_is_named), Words("a name, and settings: {name: NAME, ...}")]
Settings = Annotated[dict[str, Any], Words("settings: {NAME: VALUE, ...}")]
EstimatorName = Annotated[str, AfterValidator(_is_estimator), Words("an estimator: " + " | ".join(ESTIMATORS))]

Count = Annotated[int, Field(ge=1, le=MOST)]
CountOrNone = Annotated[int, Field(ge=0, le=MOST)]  # 0: none
Workers = Annotated[int, Field(ge=1, le=1024)]
Threads = Annotated[int, Field(ge=1, le=4096)]
Pixels = Annotated[int, Field(ge=1, le=4096)]
Resamples = Annotated[int, Field(ge=0, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, le=MOST_SEED)]
Amount = Annotated[float, Field(ge=0, le=10**15)]
Positive = Annotated[float, Field(gt=0, le=10**15)]
Rate = Annotated[float, Field(gt=0, le=1000)]  # of learning
WeightDecay = Annotated[float, Field(ge=0, le=1000)]
Share = Annotated[float, Field(gt=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]  # 0: nothing of before is kept
Part = Annotated[float, Field(gt=0, lt=1)]

_PLAIN: dict[Any, str] = {
    bool: "true or false",
    str: "text",
    NoneType: "null",
    int: "a whole number",
    float: "a number",
    dict: "settings: {NAME: VALUE, ...}",
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
    if origin is list:
        least = next((one.min_length for one in limits if isinstance(one, MinLen)), 0)
        return f"a list{f' of at least {least}' if least else ''}, each {in_words(inner[0])}"
    if origin is dict:
        return _PLAIN[dict]
    if isinstance(annotation, type) and issubclass(annotation, Keys):
        return f"the keys {', '.join(annotation.model_fields)}"
    return " ".join([_PLAIN.get(annotation, str(annotation)), *_range(limits)])


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
