"""How early ENAS and DARTS settle, and on what: the entropy of what chooses, and the shares of operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, log
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.drawing.style import GREY
from ghn.errors import ConfigError, DataError
from ghn.spaces.choices import Choice, choice_space
from ghn.train.loop import LOG, read_lines
from studies.drawing import axes_grid, line_style, write_figure
from studies.finished_runs import FinishedRun, few_seeds, open_runs
from studies.run import run_study, write_json

ENTROPY, OPERATION = "policy/entropy", "operations/"
SKIP = "skip_connect"
HEADINGS = {
    "entropy_start": "entropy, start",
    "entropy_quarter": "at 1/4",
    "entropy_end": "end",
    "settled": "halved at",
    "skips_start": "skips, start",
    "skips_end": "end",
    "skips_found": "found",
}


def convergence_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Draws the entropy of what chooses, and the share of each operation, over the training.

    Raises:
        ConfigError: no runs, or one in which nothing chooses.
        DataError: a folder is no finished run, or its log is damaged.
    """
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    runs = open_runs(options["runs"], setting)
    rows = [read_convergence(run) for run in runs]
    means, warnings = mean_rows(rows), few_seeds(runs)
    found = {"runs": rows, "means": means, "warnings": warnings}
    write_json(out / "convergence.json", found | {"made": machine()})
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


def print_convergence(
    rows: Sequence[Mapping[str, Any]],
    means: Sequence[Mapping[str, Any]],
    warnings: Sequence[str],
    console: Console | None = None,
) -> None:
    """Prints a row a run and a mean a method, in percent: entropies of even odds, times of all, skips of choices."""
    console = console or Console(width=120)
    table = Table(title="How choices settle, %", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run", no_wrap=True)
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right", no_wrap=True)
    for mean in means:
        for row in (own := [row for row in rows if row["method"] == mean["method"]]):
            table.add_row(Text(row["run"]), *_cells(row["summary"]), end_section=False)
        table.add_row(Text(f"{mean['method']}, mean of {len(own)}"), *_cells(mean), style="bold", end_section=True)
    console.print(table)
    for warning in warnings:
        console.print(f"Warning: {warning}", highlight=False, markup=False)


def draw_convergence(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Entropy over time, a line a run; then for each method mean shares of operations, those found at the right."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    figure, (grid,) = axes_grid(1, 1 + len(methods), 3.6 * (1 + len(methods)), 3.8)
    for i, method in enumerate(methods):
        for k, row in enumerate(row for row in rows if row["method"] == method):
            time, entropy = _coarse([step / row["steps"][-1] for step in row["steps"]]), _coarse(row["entropy"])
            style = {**line_style(i), "label": None if k else method, "markevery": max(1, len(time) // 8)}
            grid[0].plot(time, entropy, markersize=4, linewidth=1, **style)
    grid[0].axhline(rows[0]["uniform"], color=GREY, linewidth=0.8, linestyle=":")
    grid[0].set_xlim(0, 1.02)
    grid[0].set_ylim(0, 1.08 * max(row["uniform"] for row in rows))
    grid[0].set_ylabel("entropy, nats a choice (dotted: even odds)")
    grid[0].legend(frameon=False, fontsize=8, loc="lower left")
    for axes, method in zip(grid[1:], methods, strict=True):
        own = [row for row in rows if row["method"] == method]
        _shares(axes, own)
        axes.set_title(f"{method}, mean of {len(own)}", fontsize=9)
    grid[1].set_ylabel("share of the choices")
    for axes in grid:
        axes.set_xlabel("share of the training")
    handles, labels = grid[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure


def _shares(axes: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    """Means over runs at the steps that all have logged, and the shares found beyond the end."""
    common = sorted(set.intersection(*(set(row["steps"]) for row in rows)))
    place = [{step: k for k, step in enumerate(row["steps"])} for row in rows]
    for i, name in enumerate(rows[0]["shares"]):
        mean = [fmean(row["shares"][name][at[step]] for row, at in zip(rows, place, strict=True)) for step in common]
        style, time = line_style(i), _coarse([step / common[-1] for step in common])
        every = max(1, len(time) // 6)
        axes.plot(time, _coarse(mean), label=name, markevery=every, markersize=4, linewidth=1.2, **style)
        found = fmean(row["found"]["shares"].get(name, 0.0) for row in rows)
        axes.plot([1.12], [found], **{**style, "linestyle": "none"}, markersize=6)
    axes.axvline(1.06, color=GREY, linewidth=0.6, linestyle=":")
    axes.set_xticks([0, 0.5, 1, 1.12], ["0", "0.5", "1", "found"])
    axes.set_ylim(-0.02, None)


def _coarse(values: Sequence[float], parts: int = 40) -> list[float]:
    """Means of at most so many consecutive parts: what is drawn once a logged step hides the other lines."""
    return [float(part.mean()) for part in np.array_split(np.asarray(values, dtype=float), min(parts, len(values)))]


def _cells(numbers: Mapping[str, Any]) -> list[str]:
    return ["never" if key == "settled" and numbers[key] is None else _percent(numbers[key]) for key in HEADINGS]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f}"


if __name__ == "__main__":
    run_study("convergence", convergence_study)
