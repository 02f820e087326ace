"""How weights order candidates while they are trained, over trainings of several methods and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from ghn.analysis.compare import LIVE_PARAMETERS
from ghn.analysis.correlation import kendall, rank
from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Entry, Setting
from ghn.app.survey.snapshots import Values, score_snapshots, snapshots_of
from ghn.drawing.style import GREY, canvas, legend
from ghn.errors import ConfigError
from ghn.report.figures import PARTS
from ghn.report.words import number
from ghn.scoring.model import Model
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import choose_references, known_benchmark
from ghn.spaces.members import live_params
from ghn.tables.references import aligned
from ghn.types import Reference, Trial
from studies.drawing import line_style, write_figure
from studies.readings import KEYS
from studies.run import run_study, write_json


def snapshots_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Ranks the same candidates with every snapshot of every training.

    `snapshots.runs` are folders of trainings that kept theirs (`train_ghn.py snapshots=true`). Each snapshot is judged
    by itself, and so is the mean score of the `snapshots.last` last of a run. Live parameters and the estimators named
    in `snapshots.beside`, which need no training, stand beneath.

    Raises:
        ConfigError: no runs, an impossible setting, or an estimator that is unknown.
        DataError: a folder holds no snapshots.
    """
    out, plan = Path(options["out"]), options["snapshots"]
    check_folder(out, resume=options["resume"])
    if not plan["runs"] or not isinstance(plan["last"], int) or plan["last"] < 1:
        raise ConfigError(
            "snapshots need runs to look at, and a number of last ones to average",
            got=f"runs={plan['runs']}, last={plan['last']}",
            fix="snapshots.runs=[FOLDER,...], each of a training with snapshots=true",
        )
    folders = snapshots_of(plan["runs"])
    archs = known_benchmark(setting.space).candidates(options["n"], options["candidates"])
    references = choose_references(options["references"], archs, setting.space, setting.task.checksum)
    beside = [entry for name in plan["beside"] for entry in make_entries(name, setting)]
    judge = Judge(setting, archs, references, out / "scores", progress=options["progress"])
    values = {name: judge.run(paths) for name, paths in folders.items()}
    found = {
        reference.name: judge.compare(reference, values, plan, beside, options["bootstrap"]) for reference in references
    }
    content = {"n": len(archs), "candidates": options["candidates"], "references": found, "made": machine()}
    write_json(out / "snapshots.json", content)
    for index, (name, study) in enumerate(found.items(), start=1):
        print_snapshots(name, study, plan["last"])
        write_figure(snapshot_figure(study), out / f"snapshots-{index}")
    print(f"wrote {out}/snapshots.json and figures")


class Judge:
    """Scores candidates with snapshots, and measures how they order them.

    Args:
        setting: task, sample and read-out (the first).
        archs: official strings of the candidates.
        references: what they are compared with.
        folder: where scores are kept.
        progress: whether to show bars.
    """

    def __init__(
        self, setting: Setting, archs: Sequence[str], references: Sequence[Reference], folder: Path, *, progress: bool
    ) -> None:
        self.setting, self.archs, self.folder, self.progress = setting, archs, folder, progress
        self.trials = [Trial(arch, setting.space.parse(arch)) for arch in archs]
        self.params = np.array([live_params(setting.space, t.arch) for t in self.trials], dtype=float)
        for reference in references:
            aligned(reference, archs)  # too few in common fails before anything is scored

    def run(self, paths: Sequence[Path]) -> list[tuple[Model, Values]]:
        """Each snapshot and its scores, [n], NaN where it failed."""
        return score_snapshots(paths, self.trials, self.setting, self.folder, progress=self.progress)

    def compare(
        self,
        reference: Reference,
        runs: Mapping[str, Sequence[tuple[Model, Values]]],
        plan: Mapping[str, Any],
        beside: Sequence[Entry],
        bootstrap: int,
    ) -> dict[str, Any]:
        """All that is said against one reference, JSON-able."""
        index, truth, _ = aligned(reference, self.archs)

        def measure(values: Values) -> dict[str, Any]:
            level = 15 if len(index) >= 200 else 5
            found = rank(values[index], truth, groups=self.params[index], min_level=level, bootstrap=bootstrap)
            own = {key: (s.value, s.low, s.high) for key in KEYS if (s := found.statistics.get(key)) is not None}
            return {"failed": found.failed, "statistics": own}

        out: dict[str, Any] = {"n": len(index), "runs": {}, "beside": {}}
        for name, snapshots in runs.items():
            first, scores = snapshots[0][0], [values for _, values in snapshots]
            pace = plan["pace"].get(first.method)
            points = [
                {
                    "step": model.card["step"],
                    "seconds": model.card["seconds"] if pace is None else pace * model.card["step"],
                    **measure(values),
                }
                for model, values in snapshots
            ]
            out["runs"][name] = {
                "method": first.method,
                "seed": first.card["trainer"]["seed"],
                "points": points,
                "last": measure(np.mean(scores[-plan["last"] :], axis=0)),
                "successive": [kendall(a[index], b[index]) for a, b in pairwise(scores)],
            }
        out["beside"] = {LIVE_PARAMETERS: measure(self.params)}
        out["beside"] |= {entry.name: measure(self._scores(entry)) for entry in beside}
        return out

    def _scores(self, entry: Entry) -> Values:
        path = self.folder / f"{entry.name.replace(' ', '_').replace(',', '')}.jsonl"
        scores = score_to_file(
            entry.estimator, self.trials, path, entry.estimator.identity, progress=self.progress, label=entry.name
        )
        return np.array([score.value for score in scores])


def snapshot_figure(study: Mapping[str, Any], key: str = "kendall") -> Figure:
    """Rank correlation over minutes of training: a faint line a run, the mean over its seeds strong.

    Args:
        study: one reference of `snapshots.json`.
        key: a statistic of `ghn.analysis.correlation.rank`.
    """
    figure, axes = canvas(4.4, 3.4)
    for place, (method, runs) in enumerate(by_method(study).items()):
        _curves(axes, method, runs, key, line_style(place))
    bar = study["beside"][LIVE_PARAMETERS]["statistics"][key][0]
    if bar is not None:
        axes.axhline(bar, color=GREY, linewidth=1, linestyle=":", label="live parameters")
    axes.set_xlabel("training, minutes")
    axes.set_ylabel(f"Kendall tau, {PARTS.get(key, key)}")
    legend(figure, axes)
    return figure


def _curves(axes: Axes, method: str, runs: Sequence[Mapping[str, Any]], key: str, style: Mapping[str, Any]) -> None:
    curves = []
    for run in runs:
        x = [point["seconds"] / 60 for point in run["points"]]
        y = [np.nan if (v := point["statistics"][key][0]) is None else v for point in run["points"]]
        axes.plot(x, y, color=style["color"], linestyle=style["linestyle"], linewidth=0.7, alpha=0.5)
        curves.append((x, y))
    if len({tuple(p["step"] for p in run["points"]) for run in runs}) == 1:  # the same snapshots: a mean makes sense
        x, y = np.mean(curves, axis=0)
        axes.plot(x, y, markersize=4, linewidth=1.8, label=method, **style)
    else:
        axes.plot([], [], label=method, **style)


def by_method(study: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The runs of a study, by method, each with its name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name, run in study["runs"].items():
        found.setdefault(run["method"], []).append({**run, "name": name})
    return found


def print_snapshots(reference: str, study: Mapping[str, Any], last: int, console: Console | None = None) -> None:
    """The end of every run with its interval, the mean of each method, and what stands beside."""
    console = console or Console(width=170)
    table = Table(title=f"{study['n']} networks, against {reference}", box=None)
    table.add_column("weights", no_wrap=True)
    table.add_column("minutes", justify="right")
    for name in ("all", "best half", "best 20 %", "inside equal size", "regret@10, points"):
        table.add_column(name, justify="right")
    table.add_column(f"mean of last {last}", justify="right")
    table.add_column(f"range of last {last}", justify="right")
    for method, runs in by_method(study).items():
        for run in runs:
            table.add_row(
                run["name"], f"{run['points'][-1]['seconds'] / 60:.0f}", *_cells(run["points"][-1]), *_steady(run, last)
            )
        if len(runs) > 1:
            table.add_row(f"{method}, mean (deviation)", "", *_means([run["points"][-1] for run in runs]), style="bold")
    for name, row in study["beside"].items():
        table.add_row(name, "", *_cells(row))
    console.print(table)


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Values with their intervals; regret in points."""
    cells = []
    for key, (value, low, high) in row["statistics"].items():
        scale, digits = (100, 2) if key.startswith("regret") else (1, 2)
        inside = "" if low is None else f" [{number(scale * low, digits)}, {number(scale * high, digits)}]"
        cells.append((number(scale * value, digits) if value is not None else "-") + inside.replace("[", r"\["))
    return cells


def _means(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    cells = []
    for key in rows[0]["statistics"]:
        values = [value for row in rows if (value := row["statistics"][key][0]) is not None]
        scale = 100 if key.startswith("regret") else 1
        cells.append(f"{number(scale * float(np.mean(values)))} ({scale * np.std(values):.2f})" if values else "-")
    return cells


def _steady(run: Mapping[str, Any], last: int) -> tuple[str, str]:
    together = run["last"]["statistics"]["kendall"][0]
    values = [v for point in run["points"][-last:] if (v := point["statistics"]["kendall"][0]) is not None]
    spread = f"{number(min(values))} to {number(max(values))}" if values else "-"
    return number(together), spread


if __name__ == "__main__":
    run_study("snapshots", snapshots_study)
