"""The jobs of `evaluate.py` by name: their keys, and where what they do stands, which is imported when it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from ghn.app.job_keys import JobKeys, LadderKeys, RankAllKeys, RankKeys, ReferencesKeys, SearchKeys, SurveyKeys
from ghn.app.read_keys import read_keys
from ghn.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Job:
    """A job.

    Attributes:
        keys: what it is told.
        place: `module:function` of what it does, from a setting and these keys.
    """

    keys: type[JobKeys]
    place: str


JOBS: dict[str, Job] = {
    "rank": Job(RankKeys, "ghn.app.rank:rank_job"),
    "rank_all": Job(RankAllKeys, "ghn.app.rank_all:rank_all_job"),
    "references": Job(ReferencesKeys, "ghn.app.references:references_job"),
    "search": Job(SearchKeys, "ghn.app.search:search_job"),
    "ladder": Job(LadderKeys, "ghn.app.ladder:ladder_job"),
    "survey": Job(SurveyKeys, "ghn.app.survey.job:survey_job"),
}


def run_job(options: Mapping[str, Any]) -> None:
    """Does what the options name.

    Raises:
        ConfigError: an unknown job, or keys that are not its own.
    """
    if options["job"] not in JOBS:
        raise ConfigError("unknown job", got=options["job"], expected=" | ".join(JOBS))
    job = JOBS[options["job"]]
    keys = read_keys(job.keys, options)
    module, _, function = job.place.partition(":")
    from ghn.app.setting import build_setting  # with torch: not before all keys are right

    getattr(import_module(module), function)(build_setting(options), keys)
