"""job=survey: from a config to scores, and from scores to a report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ghn.analysis.stability import Stability
from ghn.app.evaluation import PROTOCOL, check_folder, machine
from ghn.app.job_keys import SurveyKeys
from ghn.app.setting import Setting, Taught
from ghn.app.survey.analyse import Analysis
from ghn.app.survey.score import APART, LEFT_OUT, read_entrants, score_lines
from ghn.app.survey.snapshots import divide_by_presence, divide_by_space, snapshots_of, stability_of_trainings
from ghn.app.survey.subjects import Subjects, shipped_subjects, trained_subjects, user_subjects
from ghn.errors import ConfigError, OtherSpaceError
from ghn.files import write_atomic
from ghn.report.model import Report, Survey
from ghn.report.survey.pages import print_survey, write_survey
from ghn.spaces.candidates import publishes
from ghn.tables.references import aligned
from ghn.tables.user_table import read_user_table

TITLE = "Performance estimators for neural architectures: who is right, who errs where, and what it costs"


def survey_job(setting: Setting, keys: SurveyKeys) -> None:
    """Runs every estimator of the survey on the same networks, and writes what was found.

    Raises:
        ConfigError: lines or settings do not fit; raised before anything is scored.
        DataError: references do not fit.
        ExistsError: the folder holds results and `resume` is not set.
    """
    out, plan = Path(keys.out), keys.survey
    check_folder(out, resume=keys.resume)
    lines = read_entrants(plan.estimators)
    subjects = choose_subjects(setting, keys)
    for reference in (*subjects.judged, subjects.choosing):
        aligned(reference, subjects.archs)
    if taken := {line.label for line in lines} & set(subjects.scores):
        raise ConfigError("estimators of the table bear names of the survey's", got=sorted(taken), fix="rename them")
    # where accuracies are published more networks are known than are surveyed
    if keys.references != "all" and (subjects.table or not publishes(setting.space)):
        setting = replace(setting, taught=Taught(subjects.choosing.values, subjects.table))
    here, absent = divide_by_presence(plan.runs)
    runs, others = divide_by_space(snapshots_of(here, least=2), setting.space)
    scored, left_out = score_lines(lines, setting, keys, subjects.archs, out / "scores")
    how: dict[str, Any] = {"bootstrap": keys.bootstrap, "progress": keys.progress}
    analysis = Analysis(scored, subjects, setting.space, plan, **how)
    left_out |= dict.fromkeys(others, LEFT_OUT[OtherSpaceError]) | dict.fromkeys(absent, APART)
    if left_out:
        analysis.notes.append("Left out: " + "; ".join(f"{label} ({why})" for label, why in left_out.items()) + ".")
    archs, folder = list(subjects.telling.values), out / "scores" / "snapshots"
    trainings = stability_of_trainings(runs, setting, archs, folder, analysis.notes, **how)
    content = make_survey(analysis, setting, trainings).to_json()
    write_atomic(out / "survey.json", json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False))
    survey = Survey.from_json(content)  # pages are drawn from what the JSON holds, and from nothing else
    write_survey(survey, setting.space, out)
    print_survey(survey)
    print(f"wrote {out}/survey.html, survey.json, index.md, a page an estimator, and figures")


def choose_subjects(setting: Setting, keys: SurveyKeys) -> Subjects:
    """The networks that the keys name: a table that the user brings, or those that are shipped.

    Raises:
        ConfigError: references that a survey does not have.
        DataError: the table cannot be used.
    """
    path = keys.references
    if path.endswith(".csv"):
        return user_subjects(read_user_table(path, setting.space, twins=keys.twins))
    if Path(path).is_file():
        return trained_subjects(path, setting, keys.n)
    if path != "all":
        expected = "all (those that are shipped), or the path of a table: yours (.csv), or of job=references"
        raise ConfigError("references of a survey", got=path, expected=expected)
    return shipped_subjects(setting, keys.n, keys.survey.development)


def make_survey(analysis: Analysis, setting: Setting, trainings: tuple[Stability, ...] = ()) -> Survey:
    """All parts of a survey."""
    subjects = analysis.subjects
    parts = tuple(analysis.part(reference) for reference in subjects.judged)
    # of a user's table all networks are shown, half of which were chosen on
    told = parts[-1] if subjects.telling in subjects.judged else analysis.part(subjects.telling)
    stability, combinations = analysis.stability(), analysis.combinations()
    metadata = {"space": setting.space.name, "task": setting.task.name, "networks": len(subjects.archs)}
    warnings = tuple(dict.fromkeys(cost.warning for cost in analysis.costs if cost.warning))
    protocol = (*PROTOCOL, *subjects.protocol)
    report = Report((), title=TITLE, protocol=protocol, warnings=warnings, metadata={**machine(), **metadata})
    advice = analysis.advice(told)
    return Survey(report, analysis.costs, parts, stability, trainings, combinations, advice, tuple(analysis.notes))
