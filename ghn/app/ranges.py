"""What the values of keys can be: types with their ranges.

Nothing is imported that takes time: `--help` and wrong keys are answered at once.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationInfo, create_model
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import with_info_after_validator_function

from ghn.app.estimators import ESTIMATORS
from ghn.arguments import Words
from ghn.errors import MOST_SEED

MOST = 10**9  # of what is only counted
PATH_MAX = 4096  # bytes of a path, on Linux


class Keys(BaseModel):
    """A group of keys, none of which may be missing or unknown; numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


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
Workers = Annotated[int, Field(ge=1, le=256)]
Threads = Annotated[int, Field(ge=1, le=1024)]
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
