"""The jobs of `evaluate.py` by name: from plain options to typed keys, and to what does the job.

What a job needs is imported when it is run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ghn.app.job_keys import (
    JobKeys,
    LadderKeys,
    RankAllKeys,
    RankKeys,
    ReferencesKeys,
    ScoreKeys,
    SearchKeys,
    ServeKeys,
    SurveyKeys,
)
from ghn.app.read_keys import read_keys
from ghn.errors import ExistsError, check_known
from ghn.locks import begins_anew, holds_any, locked
from ghn.train.launch import refuse_ranks


@dataclass(frozen=True, slots=True)
class Job:
    """A job: what it is told, and where what it does stands."""

    keys: type[JobKeys]
    place: str  # `module:function`, called with a setting and these keys
    kept: tuple[str, ...]  # of these files in its folder there is one, when a run of it has done anything


JOBS: dict[str, Job] = {
    "rank": Job(RankKeys, "ghn.app.rank:rank_job", ("scores/*.jsonl",)),
    "rank_all": Job(RankAllKeys, "ghn.app.rank:rank_all_job", ("scores.jsonl", "readings/*.jsonl")),
    "score": Job(ScoreKeys, "ghn.app.score:score_job", ("scores.sqlite",)),
    "references": Job(ReferencesKeys, "ghn.app.references:references_job", ("references.jsonl",)),
    "search": Job(SearchKeys, "ghn.app.search:search_job", ("history.jsonl",)),
    "ladder": Job(LadderKeys, "ghn.app.search:ladder_job", ("steps/*.jsonl", "steps/*/*.jsonl")),
    "survey": Job(SurveyKeys, "ghn.app.survey.job:survey_job", ("scores/*.jsonl", "scores/*/*.jsonl")),
    "serve": Job(ServeKeys, "ghn.app.serve:serve_job", ("observed-*.jsonl",)),
}
MARK = ".job"  # in a folder: the job whose results it holds


def run_job(options: Mapping[str, Any]) -> None:
    """Does what the options name, in a folder that is this run's alone.

    Raises:
        ConfigError: an unknown job, or keys that are not its own.
        ExistsError: another run writes into the folder, or another job is to be gone on with there.
        WriteError: it cannot be written into.
    """
    check_known("job", options["job"], JOBS)
    refuse_ranks("evaluate.py", fix="start it with python; jobs with the key workers have processes of their own")
    job = JOBS[options["job"]]
    keys = read_keys(job.keys, options)
    module, _, function = job.place.partition(":")
    folder = Path(keys.out)
    with locked(folder), _marked(folder, options["job"], resume=keys.resume):
        if keys.resume:
            begins_anew(folder, job.kept)
        from ghn.app.setting import build_setting  # with torch: not before all keys are right

        getattr(import_module(module), function)(build_setting(options), keys)


@contextmanager
def _marked(folder: Path, name: str, *, resume: bool) -> Iterator[None]:
    """Refuses to go on with what another job did in a folder; says at the end whose results it holds."""
    mark, kept = folder / MARK, JOBS[name].kept
    if resume and mark.is_file() and (was := mark.read_text(errors="replace").strip()) in JOBS and was != name:
        raise ExistsError(
            "the folder holds what another job did",
            got=f"{folder}: job={was}",
            expected=f"job={name}",
            fix="give the whole command that it was begun with, and resume=true; or choose another folder (out=...)",
        )
    before = holds_any(folder, kept)
    try:
        yield
    finally:
        if (resume or not before) and not mark.exists() and holds_any(folder, kept):
            from ghn.files import write_atomic  # with numpy: not for --help

            write_atomic(mark, f"{name}\n")


def check_new(path: Path, there: str, *, resume: bool) -> None:
    """Raises `ExistsError` for a file that is there, unless it is gone on with."""
    if path.exists() and not resume:
        fix = "choose another folder, or go on: resume=true"
        raise ExistsError(f"there {there} already", got=str(path), fix=fix)
