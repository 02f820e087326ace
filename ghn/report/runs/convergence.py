"""`job=convergence`: how early ENAS and DARTS settle, and on what."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite, log
from pathlib import Path
from statistics import fmean
from typing import Any

from ghn.errors import ConfigError, DataError
from ghn.estimators.setting import Setting
from ghn.report.evaluation import check_folder, machine
from ghn.report.runs.convergence_tables import draw_convergence, print_convergence
from ghn.report.runs.folders import FinishedRun, few_seeds, open_runs
from ghn.report.style import write_figure
from ghn.spaces.choices import Choice, choice_space
from ghn.train.runlog import LOG, read_lines

ENTROPY, OPERATION = "policy/entropy", "operations/"
SKIP = "skip_connect"


def convergence_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Draws the entropy of what chooses, and the share of each operation, over the training (job=convergence).

    Raises:
        ConfigError: no runs, or one in which nothing chooses.
        DataError: a folder is no finished run, or its log is damaged.
    """
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    runs = open_runs(options["runs"], setting)
    rows = [read_convergence(run) for run in runs]
    means, warnings = mean_rows(rows), few_seeds(runs)
    out.mkdir(parents=True, exist_ok=True)
    content = {"runs": rows, "means": means, "warnings": warnings, "made": machine()}
    (out / "convergence.json").write_text(json.dumps(content, indent=1))
    write_figure(draw_convergence(rows), out / "convergence")
    print_convergence(rows, means, warnings)
    print(f"wrote {out}/convergence.json, convergence.png and convergence.svg")


def read_convergence(run: FinishedRun) -> dict[str, Any]:
    """What a run's log and card say of how its choices settled.

    Returns:
        JSON-able: for each logged step `entropy` (nats a choice, at most `uniform`: that of even odds) and `shares` of
        the operations among all choices; `found`: their shares in the architecture found; and `settled`: the share of
        the training after which the entropy stays below half of `uniform`, None where it never does; `summary`: as
        `summarise` gives it.

    Raises:
        ConfigError: nothing chooses in this run.
        DataError: the log or the card is damaged.
    """
    choices = choice_space(run.model.space).choices()
    lines = [line for line in read_lines(run.folder / LOG) if ENTROPY in line]
    if not lines or not isinstance(run.model.card.get("found"), dict):
        raise ConfigError(
            "nothing chooses architectures in this run, so there is no entropy",
            got=f"{run.folder} ({run.model.method})",
            expected="a run of weights=enas or weights=darts",
        )
    names = list(dict.fromkeys(option for choice in choices for option in choice.options))
    per_choice = len(choices) if run.model.method == "enas" else 1  # ENAS logs nats an architecture, DARTS a choice
    entropy, uniform = [_number(line, ENTROPY, run) / per_choice for line in lines], _uniform(choices)
    counts = {name: [_number(line, OPERATION + name, run) for line in lines] for name in names}
    steps = [line["step"] for line in lines]
    below = next((k for k in range(len(steps)) if max(entropy[k:]) < uniform / 2), None)
    row: dict[str, Any] = {
        "run": run.name,
        "method": run.model.method,
        "seed": run.seed,
        "steps": steps,
        "uniform": uniform,
        "entropy": entropy,
        "settled": None if below is None else steps[below] / steps[-1],
        "shares": {name: [n / len(choices) for n in own] for name, own in counts.items()},
        "found": {"architecture": run.model.card["found"].get("architecture"), "shares": _found(run, choices)},
    }
    return {**row, "summary": summarise(row)}


def mean_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The means of the numbers of a table over the runs of each method."""
    out = []
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row["summary"] for row in rows if row["method"] == method]
        known = {key: [one[key] for one in own if one[key] is not None] for key in own[0]}
        out.append({"method": method, "runs": len(own), **{k: fmean(v) if v else None for k, v in known.items()}})
    return out


def summarise(row: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a run in a table: entropies as shares of even odds, skips as shares of the choices."""
    quarter = next(k for k, step in enumerate(row["steps"]) if step >= row["steps"][-1] / 4)
    entropy = [value / row["uniform"] for value in row["entropy"]]
    skips = row["shares"].get(SKIP)
    return {
        "entropy_start": entropy[0],
        "entropy_quarter": entropy[quarter],
        "entropy_end": entropy[-1],
        "settled": row["settled"],
        "skips_start": None if skips is None else skips[0],
        "skips_end": None if skips is None else skips[-1],
        "skips_found": row["found"]["shares"].get(SKIP),
    }


def _uniform(choices: Sequence[Choice]) -> float:
    """Nats a choice at even odds."""
    return fmean(log(len(choice.options)) for choice in choices)


def _found(run: FinishedRun, choices: Sequence[Choice]) -> dict[str, float]:
    """Shares of the operations in the architecture found."""
    space = choice_space(run.model.space)
    text = run.model.card["found"].get("architecture")
    chosen = space.to_choices(space.parse(text))
    taken = [choice.options[o] for choice, o in zip(choices, chosen, strict=True)]
    names = dict.fromkeys(option for choice in choices for option in choice.options)
    return {name: taken.count(name) / len(taken) for name in names}


def _number(line: Mapping[str, Any], key: str, run: FinishedRun) -> float:
    value = line.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        raise DataError(f"{run.folder / LOG}, step {line['step']}: {key} is no number", got=value)
    return float(value)
