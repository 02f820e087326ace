"""A ranking as a file that any program reads, and its head in the terminal.

What `evaluate.py` can do, from plain options.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ghn.app.estimators import make_entries, published_history
from ghn.app.evaluation import evaluate
from ghn.app.ladder import ladder_job
from ghn.app.search import search_job
from ghn.app.setting import Setting, open_checkpoint
from ghn.app.survey.job import survey_job
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.families.training.full import TrainingEstimator, train_references
from ghn.files import write_atomic
from ghn.report.comparison import print_report
from ghn.scoring.panel import LIVE_PARAMETERS
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import choose_ranked
from ghn.types import Score, Trial

COLUMNS = ("rank", "architecture", "value", "std", "live_parameters", "error")


def write_ranking(path: Path | str, trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> None:
    """Writes a CSV, best first; what could not be judged stands last, without a rank and with the reason."""
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(trials, scores))
    write_atomic(path, table.getvalue())


def print_ranking(trials: Sequence[Trial[Any]], scores: Sequence[Score], most: int) -> None:
    """Prints the best, a line each: official strings do not fit into the columns of a table."""
    print(f"{'rank':>5}  {'value':>7}  {'std':>5}  {'live parameters':>15}  architecture")
    for rank, arch, value, std, params, error in _rows(trials, scores)[:most]:
        if not error:
            print(f"{rank:>5}  {value:>7.3f}  {std:>5.3f}  {params:>15,.0f}  {arch}")


def _rows(trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> list[tuple[Any, ...]]:
    pairs = list(zip(trials, scores, strict=True))
    good = sorted((p for p in pairs if p[1].ok), key=lambda p: -p[1].value)
    rows: list[tuple[Any, ...]] = [
        (rank, t.id, s.value, s.std, s.extra.get(LIVE_PARAMETERS), "") for rank, (t, s) in enumerate(good, start=1)
    ]
    return rows + [("", t.id, "", "", "", s.error) for t, s in pairs if not s.ok]


# --- What `evaluate.py` can do, from plain options ---


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
    "rank_all": rank_all_job,
    "search": search_job,
    "ladder": ladder_job,
    "survey": survey_job,
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
