"""What `evaluate.py` can do, from plain options."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ghn.assets import asset
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.estimators.candidates import choose_ranked
from ghn.estimators.learners import published_history
from ghn.estimators.partial import score_to_file
from ghn.estimators.ranker import make_ranker
from ghn.estimators.registry import Setting, make_entries, open_checkpoint
from ghn.estimators.sgd import TrainingEstimator, train_references
from ghn.report.curves import curves_job
from ghn.report.evaluation import evaluate
from ghn.report.growth import growth_job
from ghn.report.ladder import ladder_job
from ghn.report.morphism import morphism_job
from ghn.report.nasbench201 import nasbench201_job
from ghn.report.outside import outside_job
from ghn.report.pnas import pnas_job
from ghn.report.runs.convergence import convergence_job
from ghn.report.runs.coverage import coverage_job
from ghn.report.runs.snapshots import snapshots_job
from ghn.report.scorefile import print_ranking, write_ranking
from ghn.report.search import search_job
from ghn.report.search_compare import compare_searchers_job
from ghn.report.surrogates import surrogates_job
from ghn.report.survey.job import survey_job
from ghn.report.terminal import print_report
from ghn.types import Trial


def rank_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Scores candidates with an estimator and reports their order against references (job=rank)."""
    archs, references, source = choose_ranked(
        options["n"], options["candidates"], options["references"], setting.space, setting.task.checksum
    )
    entries = make_entries(options["estimator"]["name"], setting)
    report = evaluate(
        entries,
        setting.space,
        archs,
        references,
        options["out"],
        resume=options["resume"],
        bootstrap=options["bootstrap"],
        progress=options["progress"],
        metadata={"candidates": f"{len(archs)} of {source}", "task": setting.task.name},
    )
    print_report(report)
    print(f"wrote {options['out']}/report.html, report.json and figures")


def rank_all_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Ranks all distinct networks of the space with everything at hand, into a file (job=rank_all)."""
    out, space = Path(options["out"]), setting.space
    path = out / "ranking.csv"
    if path.exists() and not options["resume"]:
        raise ExistsError(
            "there is a ranking already", got=str(path), fix="choose another folder, or go on: resume=true"
        )
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    ranker = make_ranker(model, task=setting.task)
    given = published_history(space, options["given"])
    ranker.fit(given)
    if not hasattr(space, "distinct"):
        raise ConfigError(f"space {space.name} cannot list its networks", fix="rank some of them: Model.rank")
    trials = [Trial(space.format(arch), arch) for arch in space.distinct()[: options["limit"]]]
    scores = score_to_file(
        ranker, trials, out / "scores.jsonl", ranker.identity, progress=options["progress"], label="ranking"
    )
    write_ranking(path, trials, scores)
    print_ranking(trials, scores, 20)
    print(f"wrote {path} ({len(trials)} networks, {len(given)} references given)")


def references_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Trains candidates into a table of references (job=references)."""
    jobs = _reference_jobs(options["archs"], options["seeds"])
    path = Path(options["out"]) / "references.jsonl"
    if path.exists() and not options["resume"]:
        raise ExistsError(
            "there are references already", got=str(path), fix="choose another folder, or go on: resume=true"
        )
    estimator = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    table = train_references(estimator, jobs, path, progress=options["progress"])
    print(f"wrote {path}: {len(table)} trainings of {len(table.archs())} networks")


JOBS: dict[str, Callable[[Setting, Mapping[str, Any]], None]] = {
    "rank": rank_job,
    "references": references_job,
    "nasbench201": nasbench201_job,
    "rank_all": rank_all_job,
    "search": search_job,
    "ladder": ladder_job,
    "morphism": morphism_job,
    "curves": curves_job,
    "surrogates": surrogates_job,
    "pnas": pnas_job,
    "compare_searchers": compare_searchers_job,
    "snapshots": snapshots_job,
    "survey": survey_job,
    "growth": growth_job,
    "outside": outside_job,
    "coverage": coverage_job,
    "convergence": convergence_job,
}


def _reference_jobs(source: str, seeds: list[int]) -> list[tuple[str, int]]:
    """(official string, seed) of every training: the first seed of all comes before the second of any."""
    path = Path(source) if Path(source).is_file() else asset(source)
    try:
        text = path.read_text()
        lines = [line.strip() for line in text.splitlines() if line.strip()]  # a genotype has blanks within
        lists = json.loads(text) if path.suffix == ".json" else {"random": lines, "top": []}
        every = [*lists["random"], *lists["top"]]
        several = lists.get("three_seeds", every)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a list of architectures",
            got=repr(error),
            expected="official strings, one a line; or a .json with the lists random, top and three_seeds",
        ) from None
    if not every or not seeds:
        raise ConfigError("nothing to train", got=f"{len(every)} architectures, seeds {seeds}")
    return [(arch, seeds[0]) for arch in every] + [(arch, seed) for seed in seeds[1:] for arch in several]
