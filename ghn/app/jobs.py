"""The jobs of `evaluate.py` by name: from plain options to typed keys, and to what does the job.

What a job needs is imported when it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from ghn.app.job_keys import (
    JobKeys,
    Keys,
    LadderKeys,
    RankAllKeys,
    RankKeys,
    ReferencesKeys,
    ScoreKeys,
    SearchKeys,
    ServeKeys,
    SurveyKeys,
)
from ghn.errors import ConfigError, ExistsError
from ghn.train.launch import refuse_ranks


@dataclass(frozen=True, slots=True)
class Job:
    """A job: what it is told, and where what it does stands."""

    keys: type[JobKeys]
    place: str  # `module:function`, called with a setting and these keys


JOBS: dict[str, Job] = {
    "rank": Job(RankKeys, "ghn.app.rank:rank_job"),
    "rank_all": Job(RankAllKeys, "ghn.app.rank:rank_all_job"),
    "score": Job(ScoreKeys, "ghn.app.score:score_job"),
    "references": Job(ReferencesKeys, "ghn.app.references:references_job"),
    "search": Job(SearchKeys, "ghn.app.search:search_job"),
    "ladder": Job(LadderKeys, "ghn.app.search:ladder_job"),
    "survey": Job(SurveyKeys, "ghn.app.survey.job:survey_job"),
    "serve": Job(ServeKeys, "ghn.app.serve:serve_job"),
}


def run_job(options: Mapping[str, Any]) -> None:
    """Does what the options name.

    Raises:
        ConfigError: an unknown job, or keys that are not its own.
    """
    if options["job"] not in JOBS:
        raise ConfigError("unknown job", got=options["job"], expected=" | ".join(JOBS))
    refuse_ranks("evaluate.py", fix="start it with python; jobs with the key workers have processes of their own")
    job = JOBS[options["job"]]
    keys = read_keys(job.keys, options)
    module, _, function = job.place.partition(":")
    from ghn.app.setting import build_setting  # with torch: not before all keys are right

    getattr(import_module(module), function)(build_setting(options), keys)


SomeKeys = TypeVar("SomeKeys", bound=Keys)


def check_new(path: Path, there: str, *, resume: bool) -> None:
    """Raises `ExistsError` for a file that is there, unless it is gone on with."""
    if path.exists() and not resume:
        fix = "choose another folder, or go on: resume=true"
        raise ExistsError(f"there {there} already", got=str(path), fix=fix)


def read_keys(kind: type[SomeKeys], options: Mapping[str, Any], usual: Mapping[str, Any] | None = None) -> SomeKeys:
    """Reads the keys of a job, or of a training; `usual` are options with defaults alone, to show an example from.

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
