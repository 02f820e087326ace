"""How often what candidates consist of was trained, and whether that shows in their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from scipy.stats import rankdata

from ghn.analysis.correlation import MIN_ITEMS, Statistic, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.drawing.style import BLACK, shorten
from ghn.errors import ConfigError, DataError
from ghn.report.terminal import plain_signs
from ghn.report.words import with_interval
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import choose_ranked
from ghn.spaces.choices import Choices, choice_space
from ghn.tables.references import aligned
from ghn.types import Reference, Trial
from studies.drawing import axes_grid, line_style, write_figure
from studies.finished_runs import FinishedRun, few_seeds, open_runs
from studies.replay import Bools, live_options, nothing, replay
from studies.run import run_study, write_json

Floats = NDArray[np.float64]
PARTS = 3  # of the candidates, by how often they were trained
MEASURES = {"exposure": "times trained", "near": "trained nearby"}
THIRDS = ("least", "middle", "most")


def coverage_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Measures how often what candidates consist of was trained, and relates it to their scores.

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
    write_json(out / "coverage.json", content | {"made": machine()})
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


@dataclass(frozen=True)
class Coverage:
    """How often candidates were trained.

    Attributes:
        exposure: [n], mean over a candidate's live options (edge, operation) of log(1 + networks of the training that
            had it); NaN for a candidate without any.
        near: [n], networks of the training that were the candidate, or were it but for one choice.
        equal: [n], those that were the candidate.
    """

    exposure: Floats
    near: Floats
    equal: Floats


def cover(trained: Bools, space: Choices[Any], archs: Sequence[Any]) -> Coverage:
    """Counts how often candidates were trained.

    Args:
        trained: what `replay` gives: [networks, choices, options].
        space: of the run.
        archs: the candidates.
    """
    none, choices = nothing(space), np.arange(trained.shape[1])
    counts = np.log1p(trained.sum(0))  # [choices, options]
    exposure, near, equal = [], [], []
    for arch in archs:
        options = np.array(live_options(space, arch))
        live = options != none
        exposure.append(counts[choices, options][live].mean() if live.any() else np.nan)
        apart = (~trained[:, choices, options]).sum(1)
        near.append((apart <= 1).sum())
        equal.append((apart == 0).sum())
    return Coverage(*(np.array(values, dtype=float) for values in (exposure, near, equal)))


def as_trained(space: Any, archs: Sequence[Any], method: str, sampling: str) -> list[Any]:
    """Candidates under the description that a hypernetwork has met: it trains one of each function it can list.

    What shares weights by role knows a function under each of its descriptions apart, and keeps the candidate's own.
    """
    if method != "ghn" or sampling == "uniform":
        return list(archs)
    first = {space.canonical(arch): arch for arch in space.distinct()}
    return [first[space.canonical(arch)] for arch in archs]


@dataclass(frozen=True)
class Effect:
    """What a measure of coverage says of scores.

    Attributes:
        overrated: Spearman correlation of the measure with how much better a candidate ranks by score than one of its
            reference does on average: the residual of a regression of score ranks on reference ranks.
        bounds: of the measure, between the parts.
        kendall: of score and reference inside each part of the candidates, the least trained first.
    """

    overrated: Statistic
    bounds: list[float]
    kendall: list[Statistic]


def judge_coverage(measure: Floats, scores: Floats, references: Floats, bootstrap: int) -> Effect | None:
    """Relates coverage [n] to the order of scores [n] against references [n]; None where all are covered alike.

    Raises:
        DataError: too few candidates with all three.
    """
    kept = np.isfinite(measure) & np.isfinite(scores)
    if kept.sum() < PARTS * MIN_ITEMS:
        raise DataError(
            "too few candidates have a score, a reference and anything to train",
            got=int(kept.sum()),
            expected=f"at least {PARTS * MIN_ITEMS}",
            fix="more candidates: n=300",
        )
    x, score, truth = measure[kept], scores[kept], references[kept]
    if np.ptp(x) == 0:
        return None
    ranks, expected = rankdata(score), rankdata(truth)
    slope, start = np.polyfit(expected, ranks, 1)
    residual = ranks - (slope * expected + start)
    overrated = Statistic(None)
    if np.ptp(residual) > 1e-9 * len(ranks):  # a perfect order leaves none
        overrated = rank(x, residual, ks=(), bootstrap=bootstrap)["spearman"]
    order = np.random.default_rng(0).permutation(len(x))  # so that ties fall at random
    parts = np.array_split(order[np.argsort(x[order], kind="stable")], PARTS)
    inside = [
        rank(score[part], truth[part], ks=(), bootstrap=bootstrap)["kendall"]
        if np.ptp(truth[part]) > 0
        else Statistic(None)
        for part in parts
    ]
    return Effect(overrated, [float(x[part[0]]) for part in parts[1:]], inside)


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
    return [plain_signs(with_interval(Statistic(**one))) for one in (effect["overrated"], *effect["kendall"])]


def draw_coverage(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """How often candidates were trained, and Kendall inside thirds of them against each reference."""
    references = rows[0]["references"]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    styles = [line_style(methods.index(row["method"])) for row in rows]
    figure, (grid,) = axes_grid(1, 1 + len(references), 3.8 * (1 + len(references)), max(3.6, 1.4 + 0.22 * len(rows)))
    _boxes(grid[0], rows, styles)
    for k, axes in enumerate(grid[1:]):
        for i, row in enumerate(rows):
            effect, shift = row["references"][k]["exposure"], (i - (len(rows) - 1) / 2) * 0.6 / len(rows)
            points = [(x + shift, Statistic(**one)) for x, one in enumerate(effect["kendall"] if effect else [])]
            _bars(axes, points, styles[i])
        axes.axhline(0, color=BLACK, linewidth=0.6)
        axes.set_xticks(range(len(THIRDS)), [f"{third}\ntrained" for third in THIRDS])
        axes.set_title(shorten(references[k]["name"], 38), fontsize=8)
    grid[1].set_ylabel("Kendall tau inside each third")
    handles, labels = grid[0].get_legend_handles_labels()
    shown = dict(zip(labels, handles, strict=True))  # one entry a method
    figure.legend(shown.values(), shown, loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return figure


def _boxes(axes: Axes, rows: Sequence[Mapping[str, Any]], styles: Sequence[Mapping[str, Any]]) -> None:
    """Least, quartiles and most of how often candidates were trained, a line a run."""
    for i, (row, style) in enumerate(zip(rows, styles, strict=True)):
        low, lower, median, upper, high = row["exposure"]["quartiles"]
        axes.plot([low, high], [i, i], color=style["color"], linewidth=1)
        axes.plot([lower, upper], [i, i], color=style["color"], linewidth=4, solid_capstyle="butt")
        axes.plot([median], [i], label=row["method"], **{**style, "linestyle": "none"})
    axes.set_yticks(range(len(rows)), [shorten(row["run"], 20) for row in rows])
    axes.invert_yaxis()
    axes.set_xlabel("times that a candidate's operations were trained\n(geometric mean; least, quartiles, most)")


def _bars(axes: Axes, points: Sequence[tuple[float, Statistic]], style: Mapping[str, Any]) -> None:
    """The values that there are, with their intervals."""
    known = [(x, s.value, s.low, s.high) for x, s in points if s.value is not None]
    spans = [
        [0.0 if low is None else y - low for _, y, low, _ in known],
        [0.0 if high is None else high - y for _, y, _, high in known],
    ]
    x, y = [one[0] for one in known], [one[1] for one in known]
    axes.errorbar(x, y, spans, markersize=5, linewidth=1, capsize=2, **style)


if __name__ == "__main__":
    run_study("coverage", coverage_study)
