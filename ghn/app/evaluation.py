"""From estimators and candidates to a written report: scoring, references, baselines, comparison."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from torch import get_num_threads

from ghn.analysis.compare import LIVE_PARAMETERS, RANDOM_ORDER, compare
from ghn.analysis.comparison import Comparison
from ghn.app.setting import Entry
from ghn.errors import ConfigError, ExistsError
from ghn.graph.stats import GraphStats
from ghn.locks import holds_results
from ghn.report.comparison import write_report
from ghn.report.model import Report
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.guard import GIVE_UP_AFTER
from ghn.scoring.score_files import score_to_file
from ghn.spaces.members import live_stats
from ghn.tables.references import aligned
from ghn.train.checkpoint import versions
from ghn.types import Reference, Score, Space, Trial

PROTOCOL = (
    "Every candidate is a distinct function of the space. It runs on its live part: operations cut off from the input "
    "or the output are removed.",
    "Estimators see no label of a test image and no reference of a network that they rank. Weights that are generated "
    "or shared run with batch statistics, on one fixed, stratified sample of validation images, the same for all "
    "candidates.",
    "References are test accuracies of trained networks. They are looked at to report, not to choose.",
    "Baselines need no training at all: live parameters, multiply-adds, number of convolutions, and a random order.",
)


def evaluate(
    entries: Sequence[Entry],
    space: Space[Any],
    archs: Sequence[str],
    references: Sequence[Reference],
    folder: Path | str,
    *,
    resume: bool = False,
    bootstrap: int = 1000,
    progress: bool = True,
    give_up_after: int | None = GIVE_UP_AFTER,
    metadata: Mapping[str, Any] | None = None,
) -> Report:
    """Scores candidates, compares their order with references, and writes report and figures.

    Args:
        entries: the estimators.
        space: of the candidates.
        archs: official strings of the candidates, each once.
        references: at least one; each is compared on the candidates that it knows.
        folder: for `report.html`, `report.json`, figures and the scores themselves.
        resume: go on with the scores in the folder; a report there is replaced.
        bootstrap: resamples behind the intervals.
        progress: whether to show bars.
        give_up_after: so many failures in a row that an estimator raised end the run; None: none do.
        metadata: to be kept in the report.

    Raises:
        ExistsError: the folder holds results and `resume` is not set.
        ConfigError: no estimator, or two of the same name.
        DataError: too few candidates have a reference.
    """
    folder = Path(folder)
    if not entries or len({_slug(entry.name) for entry in entries}) < len(entries):
        raise ConfigError("a report needs estimators of different names", got=[entry.name for entry in entries])
    check_folder(folder, resume=resume)
    trials = [Trial(arch, space.parse(arch)) for arch in archs]
    for reference in references:
        aligned(reference, archs)  # fails before anything is scored
    scores = {}
    for entry in entries:
        file, judge = folder / "scores" / f"{_slug(entry.name)}.jsonl", entry.estimator
        how: dict[str, Any] = {"progress": progress, "label": entry.name, "give_up_after": give_up_after}
        scores[entry.name] = score_to_file(judge, trials, file, judge.identity, **how)
    stats = [live_stats(space, trial.arch) for trial in trials]
    one_off = {e.name: e.one_off_seconds for e in entries if e.one_off_seconds is not None}
    comparisons = [
        compare_with(reference, archs, scores, stats, one_off_seconds=one_off, bootstrap=bootstrap)
        for reference in references
    ]
    engines = {entry.name: entry.estimator for entry in entries if isinstance(entry.estimator, WeightedEstimator)}
    threads = {"threads that scored": {name: engine.threads for name, engine in engines.items()}} if engines else {}
    report = Report(
        tuple(comparisons),
        title="Ranking of candidate architectures",
        protocol=PROTOCOL,
        warnings=tuple(dict.fromkeys(e.warning for e in entries if e.warning)),
        metadata={**machine(), **threads, **(metadata or {})},
    )
    write_report(report, folder, overwrite=resume)
    return report


def check_folder(folder: Path, *, resume: bool) -> None:
    """Raises `ExistsError` for a folder that holds results, unless they are gone on with."""
    if not resume and holds_results(folder):
        fix = "choose another (out=...), or go on with it: resume=true"
        raise ExistsError("the output folder is not empty", got=str(folder), fix=fix)


def machine() -> dict[str, Any]:
    """Where and with what a report was made."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPU cores, {get_num_threads()} threads",
        "python": platform.python_version(),
        **versions(),
    }


def compare_with(
    reference: Reference,
    archs: Sequence[str],
    scores: Mapping[str, Sequence[Score]],
    stats: Sequence[GraphStats],
    *,
    one_off_seconds: Mapping[str, float] | None = None,
    unpriced: Sequence[str] = (),
    bootstrap: int = 1000,
) -> Comparison:
    """Compares scores with a reference on the candidates that it knows, baselines beneath.

    Args:
        reference: knows at least ten of the candidates.
        archs: official strings of the candidates.
        scores: of all candidates, by row.
        stats: of each candidate's live part.
        one_off_seconds: by row, where known.
        unpriced: rows whose seconds nobody measured.
        bootstrap: resamples behind the intervals.

    Raises:
        DataError: too few candidates have a reference, or could be judged by all rows.
    """
    index, values, seeds = aligned(reference, archs)
    params = np.array([stats[i].params for i in index], dtype=float)
    order = np.random.default_rng(1).permutation(len(archs)).astype(float)  # samples are in the order of seed 0
    baselines: dict[str, Any] = {
        LIVE_PARAMETERS: params,
        "multiply-adds": [float(stats[i].macs) for i in index],
        "convolutions": [float(stats[i].convolutions) for i in index],
        RANDOM_ORDER: order[index],
    }
    picked = {name: [all_scores[i] for i in index] for name, all_scores in scores.items()}
    return compare(
        {name: [s.value for s in some] for name, some in picked.items()},
        values,
        baselines=baselines,
        ids=[archs[i] for i in index],
        live_params=params,
        seeds=seeds,
        errors={name: [s.error for s in some] for name, some in picked.items()},
        seconds={name: [s.cost_seconds for s in some] for name, some in picked.items() if name not in unpriced},
        one_off_seconds=one_off_seconds,
        min_level=15 if len(index) >= 200 else 5,
        bootstrap=bootstrap,
        reference_name=reference.name,
        reference_unit=reference.unit,
        warnings=[reference.note] if reference.note else [],
    )


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() else "_" for c in name)[:60].strip("_").lower()
