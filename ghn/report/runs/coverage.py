"""`job=coverage`: how often regions of the space were trained, and how well they are ranked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ghn.errors import ConfigError
from ghn.estimators.candidates import Reference, aligned, choose_ranked
from ghn.estimators.coverage import Floats, as_trained, cover, judge_coverage
from ghn.estimators.partial import score_to_file
from ghn.estimators.setting import Setting
from ghn.report.evaluation import check_folder, machine
from ghn.report.runs.coverage_tables import MEASURES, draw_coverage, print_coverage
from ghn.report.runs.folders import FinishedRun, few_seeds, open_runs
from ghn.report.style import write_figure
from ghn.spaces.choices import choice_space
from ghn.train.replay import replay
from ghn.types import Trial


def coverage_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Measures how often what candidates consist of was trained, and relates it to their scores (job=coverage).

    Raises:
        ConfigError: no runs, or one that trains the whole supergraph at each step.
        DataError: a folder is no finished run, or too few candidates have a reference.
    """
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    runs = open_runs(options["runs"], setting)
    texts, references, _ = choose_ranked(
        options["n"], options["candidates"], options["references"], setting.space, setting.task.checksum
    )
    archs = [setting.space.parse(text) for text in texts]
    for reference in references:
        aligned(reference, texts)  # too few in common fails before anything is scored
    rows = []
    for run in runs:
        covered, networks = _cover(run, archs)
        scores = _scores(run, texts, setting, options)
        row: dict[str, Any] = {"run": run.name, "method": run.model.method, "seed": run.seed, "networks": networks}
        row |= {name: _quartiles(values) for name, values in covered.items()}
        row["references"] = [_effects(covered, scores, texts, one, options["bootstrap"]) for one in references]
        rows.append(row)
    warnings = few_seeds(runs)
    content = {"n": len(texts), "candidates": options["candidates"], "runs": rows, "warnings": warnings}
    (out / "coverage.json").write_text(json.dumps(content | {"made": machine()}, indent=1))
    write_figure(draw_coverage(rows), out / "coverage")
    print_coverage(rows, warnings)
    print(f"wrote {out}/coverage.json, coverage.png and coverage.svg")


def _cover(run: FinishedRun, archs: Sequence[Any]) -> tuple[dict[str, Floats], int]:
    """Measures of coverage [n], and the number of networks that the training ran."""
    space, model = choice_space(run.model.space), run.model
    trained = replay(run.folder, model.method, model.card, space)
    found = cover(trained, space, as_trained(space, archs, model.method, model.card["trainer"]["sampling"]))
    return {"exposure": np.expm1(found.exposure), "near": found.near, "equal": found.equal}, len(trained)


def _scores(run: FinishedRun, texts: Sequence[str], setting: Setting, options: Mapping[str, Any]) -> Floats:
    engine = run.model.estimator(
        setting.readouts[0], task=setting.task, sample=setting.sample, skeletons=setting.skeletons
    )
    path = Path(options["out"]) / "scores" / f"{run.name}.jsonl"
    trials = [Trial(text, setting.space.parse(text)) for text in texts]
    scores = score_to_file(
        engine, trials, path, engine.identity, progress=options["progress"], label=f"scores of {run.name}"
    )
    return np.array([score.value for score in scores])


def _effects(
    covered: Mapping[str, Floats], scores: Floats, texts: Sequence[str], reference: Reference, bootstrap: int
) -> dict[str, Any]:
    """What is said against one reference, JSON-able."""
    index, truth, _ = aligned(reference, texts)
    found = {name: judge_coverage(covered[name][index], scores[index], truth, bootstrap) for name in MEASURES}
    return {
        "name": reference.name,
        "n": len(index),
        **{name: None if effect is None else asdict(effect) for name, effect in found.items()},
    }


def _quartiles(values: Floats) -> dict[str, Any]:
    """Least, quartiles and greatest; what has no value is counted apart."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        raise ConfigError("no candidate has an operation that could be trained", got=f"{len(values)} candidates")
    return {"quartiles": np.percentile(finite, [0, 25, 50, 75, 100]).tolist(), "without": len(values) - len(finite)}
