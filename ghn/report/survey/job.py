"""`experiment=survey`: from a config to scores, and from scores to everything that is said of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import ConfigError, DataError
from ghn.estimators.candidates import Reference, aligned
from ghn.estimators.registry import Setting
from ghn.graph.simplify import simplify
from ghn.graph.stats import GraphStats, graph_stats
from ghn.ranking import MIN_ITEMS, rank
from ghn.report.bias import measure_bias
from ghn.report.combinations import search_combinations
from ghn.report.combinations_inputs import ScoreMatrix
from ghn.report.combinations_model import Combinations
from ghn.report.evaluation import PROTOCOL, check_folder, compare_with, machine
from ghn.report.model import Report
from ghn.report.properties import space_properties
from ghn.report.stability import measure_stability, stability_of_table
from ghn.report.stability_model import Stability
from ghn.report.survey.advice import advise, orders_on
from ghn.report.survey.lines import read_lines
from ghn.report.survey.model import Cost, Part, Survey
from ghn.report.survey.score import Scored, score_lines
from ghn.report.survey.subjects import Subjects, shipped_subjects, user_subjects
from ghn.report.survey.table import read_user_table
from ghn.report.survey.write import print_survey, write_survey
from ghn.types import Score

KEYS = ("kendall", "spearman", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups", "regret@10")


def survey_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Runs every estimator of the survey on the same networks, and writes what was found (job=survey).

    Raises:
        ConfigError: lines or settings do not fit; raised before anything is scored.
        DataError: references do not fit.
        ExistsError: the folder holds results and `resume` is not set.
    """
    out, plan = Path(options["out"]), options["survey"]
    check_folder(out, resume=options["resume"])
    lines = read_lines(plan["estimators"])
    subjects = _subjects(setting, options)
    for reference in subjects.judged:
        aligned(reference, subjects.archs)
    if taken := {line.label for line in lines} & set(subjects.scores):
        raise ConfigError("estimators of the table bear names of the survey's", got=sorted(taken), fix="rename them")
    scored = score_lines(lines, setting, options, subjects.archs, out / "scores")
    survey = analyse(scored, subjects, setting, plan, bootstrap=options["bootstrap"], progress=options["progress"])
    (out / "survey.json").write_text(json.dumps(survey.to_json(), indent=1, allow_nan=False, ensure_ascii=False))
    write_survey(Survey.from_json(json.loads((out / "survey.json").read_text())), setting.space, out)
    print_survey(survey)
    print(f"wrote {out}/survey.html, survey.json, index.md, a page an estimator, and figures")


def _subjects(setting: Setting, options: Mapping[str, Any]) -> Subjects:
    path = str(options["references"])
    if path.endswith(".csv"):
        return user_subjects(read_user_table(path, setting.space))
    if path != "all":
        raise ConfigError(
            "references of a survey", got=path, expected="all (those that are shipped), or the path of a .csv"
        )
    return shipped_subjects(setting, options["n"], options["survey"]["development"])


def analyse(
    scored: Sequence[Scored],
    subjects: Subjects,
    setting: Setting,
    plan: Mapping[str, Any],
    *,
    bootstrap: int = 1000,
    progress: bool = False,
) -> Survey:
    """All that scores of the same networks say.

    Args:
        scored: of each line.
        subjects: the networks.
        setting: whose space they are of.
        plan: `survey` of `ghn/conf/evaluate.yaml`.
        bootstrap: resamples behind the intervals.
        progress: whether to show bars.
    """
    space, archs = setting.space, subjects.archs
    rows = {one.line.label: one.scores[0] for one in scored}
    rows |= {
        name: [_given(values.get(arch), name, subjects) for arch in archs] for name, values in subjects.scores.items()
    }
    costs = _costs(scored, subjects)
    stats = [graph_stats(simplify(space.lower(space.parse(arch)))) for arch in archs]
    parts = tuple(
        _part(reference, rows, scored, stats, subjects, setting, plan, bootstrap) for reference in subjects.judged
    )
    notes = list(subjects.notes)
    stability = _stability(subjects, bootstrap, notes, progress=progress)
    combinations = _combinations(rows, costs, subjects, plan, notes, progress=progress)
    index, values, _ = aligned(subjects.choosing, archs)
    chosen_by = orders_on({n: [scores[i].value for i in index] for n, scores in rows.items()}, values.tolist())
    told = parts[-1]
    if subjects.telling not in subjects.judged:  # all of a user's networks are shown, half of them were chosen on
        told = _part(subjects.telling, rows, scored, stats, subjects, setting, plan, bootstrap)
    advice = advise(costs, chosen_by, told.comparison, told.bias, plan["budgets"], plan["candidates"])
    warnings = tuple(dict.fromkeys(cost.warning for cost in costs if cost.warning))
    report = Report(
        (),
        title="Performance estimators for neural architectures: who is right, who errs where, and what it costs",
        protocol=PROTOCOL,
        warnings=warnings,
        metadata={**machine(), "space": space.name, "task": setting.task.name, "networks": len(archs)},
    )
    return Survey(report, costs, parts, stability, combinations, advice, tuple(notes))


def _given(value: float | None, name: str, subjects: Subjects) -> Score:
    """A score that the user brought; what is missing is a failure."""
    if value is None or not np.isfinite(value):
        return Score.failed("the table has no score of it")
    return Score(value, subjects.seconds.get(name, 0.0))


def _costs(scored: Sequence[Scored], subjects: Subjects) -> tuple[Cost, ...]:
    own = [
        Cost(
            one.line.key,
            one.line.label,
            one.line.estimator,
            one.source,
            dict(one.line.options),
            one.seconds,
            one.macs,
            one.one_off_seconds,
            len(one.scores),
            sum(not score.ok for score in one.scores[0]),
            one.warning,
        )
        for one in scored
    ]
    given = [
        Cost(
            name,
            name,
            None,
            "scores in the table",
            {},
            subjects.seconds.get(name),
            None,
            None,
            1,
            sum(not np.isfinite(values.get(arch, np.nan)) for arch in subjects.archs),
            None,
        )
        for name, values in subjects.scores.items()
    ]
    return (*own, *given)


def _part(
    reference: Reference,
    rows: Mapping[str, Sequence[Score]],
    scored: Sequence[Scored],
    stats: Sequence[GraphStats],
    subjects: Subjects,
    setting: Setting,
    plan: Mapping[str, Any],
    bootstrap: int,
) -> Part:
    archs = subjects.archs
    comparison = compare_with(
        reference,
        archs,
        rows,
        stats,
        one_off_seconds={o.line.label: o.one_off_seconds for o in scored if o.one_off_seconds is not None},
        unpriced=[name for name in subjects.scores if name not in subjects.seconds],
        bootstrap=bootstrap,
    )
    index, values, seeds = aligned(reference, archs)
    properties = space_properties(setting.space, [setting.space.parse(archs[i]) for i in index])
    bias = measure_bias(comparison, properties, seeds=seeds, noise=reference.noise, permutations=plan["permutations"])
    params = np.array([stats[i].params for i in index], dtype=float)
    spread = {
        one.line.label: _spread([[replicate[i].value for i in index] for replicate in one.scores], values, params)
        for one in scored
        if len(one.scores) > 1
    }
    return Part(comparison, spread, bias)


def _spread(replicates: Sequence[Sequence[float]], values: np.ndarray, params: np.ndarray) -> dict[str, list[float]]:
    """Each statistic of each replicate, where it exists."""
    found: dict[str, list[float]] = {}
    for scores in replicates:
        statistics = rank(scores, values, groups=params, min_level=15 if len(values) >= 200 else 5, bootstrap=0)
        for key in KEYS:
            if (value := statistics[key].value) is not None:
                found.setdefault(key, []).append(value)
    return found


def _stability(subjects: Subjects, bootstrap: int, notes: list[str], *, progress: bool) -> Stability | None:
    how: dict[str, Any] = {"bootstrap": bootstrap, "progress": progress}
    try:
        if subjects.table is not None:
            return stability_of_table(subjects.table, scale=100, unit="points", **how)
        if subjects.curves is not None:
            curves = subjects.curves
            columns = {float(epoch): curves.val_accuracy[:, i] for i, epoch in enumerate(curves.epochs)}
            return measure_stability(columns, name="learning curves of the table", **how)
    except (DataError, ConfigError) as error:
        notes.append(f"No stability: {error}")
        return None
    notes.append("No stability: the references have no learning curves.")
    return None


def _combinations(
    rows: Mapping[str, Sequence[Score]],
    costs: Sequence[Cost],
    subjects: Subjects,
    plan: Mapping[str, Any],
    notes: list[str],
    *,
    progress: bool,
) -> Combinations | None:
    seconds = {cost.label: cost.seconds for cost in costs if cost.seconds is not None}
    if unpriced := [cost.label for cost in costs if cost.seconds is None]:
        notes.append(f"Left out of combinations, as their seconds a network are unknown: {', '.join(unpriced)}.")

    chosen = [[scores[i].ok for i in aligned(subjects.choosing, subjects.archs)[0]] for scores in rows.values()]
    most = int(np.all([ok for ok in chosen if np.mean(ok) >= 0.5], axis=0).sum()) - MIN_ITEMS
    if left_out := [size for size in plan["sizes"] if size > most]:
        notes.append(f"Combinations with {', '.join(map(str, left_out))} references need more networks to choose on.")

    def matrix(reference: Reference) -> ScoreMatrix:
        index, values, _ = aligned(reference, subjects.archs)
        return ScoreMatrix(
            {name: [rows[name][i].value for i in index] for name in seconds}, values, [subjects.archs[i] for i in index]
        )

    try:
        return search_combinations(
            matrix(subjects.choosing),
            matrix(subjects.telling),
            seconds,
            one_off_seconds={c.label: c.one_off_seconds for c in costs if c.one_off_seconds is not None},
            sizes=[size for size in plan["sizes"] if size <= most],
            draws=plan["draws"],
            reference_name=subjects.telling.name,
            progress=progress,
        )
    except (DataError, ConfigError) as error:
        notes.append(f"No combinations: {error}")
        return None
