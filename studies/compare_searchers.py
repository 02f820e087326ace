"""Searchers at equal cost, in simulation: regret on the project's own curves and on the published table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError
from ghn.report.style import BLACK, BLUE, GREY, ORANGE, canvas, legend, to_bytes
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.tables.lookup import Recorded
from ghn.types import Estimator, Space, Trial
from studies.run import run_study
from studies.searchers import Scored, Study, embedded_study, published_study, trained_study

LINES = {
    "random search": (GREY, ":", "o"),
    "evolution": (BLUE, "-.", "v"),
    "Hyperband": (BLUE, "--", "s"),
    "ASHA": (BLACK, "-.", "^"),
    "successive halving": (GREY, "-", "x"),
    "ladder": (ORANGE, "-", "D"),
}


def compare_searchers_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Simulates searchers on a table and writes `searchers.json` and `searchers.png`.

    Options: `compare.table` (`embedded`, `nasbench201`, or `trained`, which trains), `compare.seeds`, `compare.cost`
    (the largest, in full trainings), `compare.pilot` (of the ladder) and `compare.scores` (a `scores.jsonl` that
    job=rank_all wrote; null: in `out`).

    Raises:
        ConfigError: unknown table.
        MissingExtraError: the published table is not installed.
    """
    compare, out = dict(options["compare"]), Path(options["out"])
    table, scores = compare.pop("table"), Path(compare.pop("scores") or out / "scores.jsonl")
    if table not in (*STUDIES, "trained"):
        raise ConfigError("unknown table to search", got=table, expected=" | ".join((*STUDIES, "trained")))
    check_folder(out, resume=options["resume"])
    if table == "trained":
        first = make_entries("combined", setting)[0].estimator
        found = trained_study(setting, first, out, progress=options["progress"], **compare).summary()
    else:
        found = STUDIES[table](_scored(setting, scores, progress=options["progress"]), **compare).summary()
    write_comparison(found, out)


def write_comparison(found: Mapping[str, Any], out: Path) -> None:
    """Writes `searchers.json` and `searchers.png` of a study's summary, and prints it."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "searchers.json").write_text(json.dumps(found, indent=1))
    (out / "searchers.png").write_bytes(to_bytes(regret_figure(found), "png"))
    print_regrets(found)
    print(f"wrote {out}/searchers.json and searchers.png")


def _scored(setting: Setting, path: Path, *, progress: bool) -> Scored:
    """What judges a pool first on the ladder: the combined score, kept in a file."""

    def make(space: Space[Any], pool: Sequence[Any]) -> Estimator[Any]:
        _, model = open_checkpoint(setting, setting.checkpoints[0])
        ranker = make_ranker(model, task=setting.task)
        texts = [arch if isinstance(arch, str) else space.format(arch) for arch in pool]
        trials = [Trial(text, model.space.parse(text)) for text in texts]
        scores = score_to_file(ranker, trials, path, ranker.identity, progress=progress, label="scores for the ladder")
        return Recorded(dict(zip(texts, scores, strict=True)), space, source=ranker.source, mean_cost=True)

    return make


STUDIES: dict[str, Callable[..., Study]] = {"embedded": embedded_study, "nasbench201": published_study}


def regret_figure(found: Mapping[str, Any]) -> Figure:
    """Median regret against cost, quartiles as bands."""
    figure, axes = canvas(4.6, 3.4)
    for name, rows in found["regret_points"].items():
        colour, dash, marker = LINES[name]
        low, median, high = (np.array(rows[key], dtype=float) for key in ("low", "median", "high"))
        axes.plot(
            found["cost"], median, color=colour, linestyle=dash, marker=marker, markersize=4, linewidth=1.6, label=name
        )
        axes.fill_between(found["cost"], low, high, color=colour, alpha=0.12, linewidth=0)
    axes.set_xlabel(f"cost, {found['unit']}")
    axes.set_ylabel("regret, points of accuracy")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(figure, axes)
    return figure


def print_regrets(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Median and quartiles at a quarter, half and all of the cost."""
    cost = found["cost"]
    places = [len(cost) // 4, len(cost) // 2, len(cost) - 1]
    console = console or Console()
    console.print(
        f"Regret in points of accuracy, {found['seeds']} seeds: median [quartiles]", markup=False, highlight=False
    )
    table = Table("searcher", box=None)
    for i in places:
        table.add_column(f"at {cost[i]:g}", justify="right")
    for name, rows in found["regret_points"].items():
        cells = [
            "-"
            if rows["median"][i] is None
            else f"{rows['median'][i]:.2f} [{rows['low'][i]:.2f}, {rows['high'][i]:.2f}]"
            for i in places
        ]
        table.add_row(name, *map(Text, cells))
    console.print(table)


if __name__ == "__main__":
    run_study("compare_searchers", compare_searchers_study)
