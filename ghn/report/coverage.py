"""`job=coverage`: how often regions of the space were trained, and how well they are ranked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.errors import ConfigError
from ghn.estimators.candidates import Reference, aligned, choose_candidates, choose_references
from ghn.estimators.coverage import Floats, as_trained, cover, judge_coverage
from ghn.estimators.partial import score_to_file
from ghn.estimators.setting import Setting
from ghn.ranking import Statistic
from ghn.report.evaluation import check_folder, machine
from ghn.report.runs import FinishedRun, few_seeds, open_runs
from ghn.report.style import line_style, panels, shorten, write_figure
from ghn.report.terminal import plain
from ghn.report.words import with_interval
from ghn.spaces.choices import choice_space
from ghn.train.replay import replay
from ghn.types import Trial

MEASURES = {"exposure": "times trained", "near": "trained nearby"}
THIRDS = ("least", "middle", "most")


def coverage_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Measures how often what candidates consist of was trained, and relates it to their scores (job=coverage).

    Raises:
        ConfigError: no runs, or one that trains the whole supergraph at each step.
        DataError: a folder is no finished run, or too few candidates have a reference.
    """
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    runs = open_runs(options["runs"], setting)
    texts = choose_candidates(options["n"], options["candidates"], setting.space)
    archs = [setting.space.parse(text) for text in texts]
    references = choose_references(options["references"], texts, setting.space, setting.task.checksum)
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


def print_coverage(rows: Sequence[Mapping[str, Any]], warnings: Sequence[str], console: Console | None = None) -> None:
    """Prints how often candidates were trained, then a table a reference."""
    console = console or Console(width=120)
    table = _table("How often candidates were trained")
    for heading in ("", "least", "quartile", "median", "quartile", "most"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        for name, label in MEASURES.items():
            cells = [f"{value:,.0f}" for value in row[name]["quartiles"]]
            table.add_row(Text(row["run"]), label, *cells, end_section=name == "near")
    console.print(table)
    for k, reference in enumerate(rows[0]["references"]):
        table = _table(f"Against {reference['name']}, {reference['n']} candidates")
        for heading in ("by", "overrated", *(f"Kendall, {third}" for third in THIRDS)):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            for name, label in MEASURES.items():
                table.add_row(Text(row["run"]), label, *_cells(row["references"][k][name]), end_section=name == "near")
        console.print(table)
    for warning in warnings:
        console.print(f"Warning: {warning}", highlight=False, markup=False)


def _table(title: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("run", no_wrap=True)
    return table


def _cells(effect: Mapping[str, Any] | None) -> list[str]:
    if effect is None:
        return ["all alike", *("-" for _ in THIRDS)]
    return [plain(with_interval(Statistic(**one))) for one in (effect["overrated"], *effect["kendall"])]


def draw_coverage(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How often candidates were trained, and Kendall inside thirds of them against each reference."""
    references = rows[0]["references"]
    figure, grid = panels(1, 1 + len(references), 3.4 * (1 + len(references)), 3.6)
    box_axes, *others = grid[0]
    for i, row in enumerate(rows):
        low, lower, median, upper, high = row["exposure"]["quartiles"]
        style = line_style(i)
        box_axes.plot([low, high], [i, i], color=style["color"], linewidth=1)
        box_axes.plot([lower, upper], [i, i], color=style["color"], linewidth=4, solid_capstyle="butt")
        box_axes.plot([median], [i], label=shorten(row["run"]), **{**style, "linestyle": "none"})
    box_axes.set_yticks(range(len(rows)), [shorten(row["run"], 20) for row in rows])
    box_axes.invert_yaxis()
    box_axes.set_xlabel("times that a candidate's operations were trained\n(geometric mean; least, quartiles, most)")
    for axes, k in zip(others, range(len(references)), strict=True):
        for i, row in enumerate(rows):
            effect = row["references"][k]["exposure"]
            points = [(x, s) for x, s in enumerate(effect["kendall"] if effect else []) if s["value"] is not None]
            x = [place + (i - (len(rows) - 1) / 2) * 0.5 / len(rows) for place, _ in points]  # bars side by side
            y = [s["value"] for _, s in points]
            bars = [
                [v if s[end] is None else s[end] for (_, s), v in zip(points, y, strict=True)]
                for end in ("low", "high")
            ]
            spans = [
                [v - low for v, low in zip(y, bars[0], strict=True)],
                [h - v for v, h in zip(y, bars[1], strict=True)],
            ]
            axes.errorbar(x, y, spans, markersize=5, linewidth=1, capsize=2, **line_style(i))
        axes.axhline(0, color="black", linewidth=0.6)
        axes.set_xticks(range(len(THIRDS)), [f"{third}\ntrained" for third in THIRDS])
        axes.set_title(shorten(references[k]["name"], 38), fontsize=8)
    if others:
        others[0].set_ylabel("Kendall tau inside a third of the candidates")
    handles, labels = box_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure
