"""`job=snapshots`: how weights order candidates while they are trained, over trainings of several methods and seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghn.assets import here_or_shipped
from ghn.errors import ConfigError, DataError
from ghn.estimators.candidates import Reference, aligned, choose_candidates, choose_references
from ghn.estimators.loading import CHECKPOINT, load
from ghn.estimators.model import Model
from ghn.estimators.partial import score_to_file
from ghn.estimators.registry import Entry, Setting, make_entries
from ghn.graph.simplify import simplify
from ghn.graph.stats import count_params
from ghn.ranking import kendall, rank
from ghn.report.evaluation import check_folder, machine
from ghn.report.inputs import LIVE_PARAMETERS
from ghn.report.nasbench201 import KEYS
from ghn.report.runs.snapshot_figures import print_snapshots, snapshot_figure
from ghn.report.style import write_figure
from ghn.types import Trial

Values = NDArray[np.float64]


def snapshots_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Ranks the same candidates with every snapshot of every training (job=snapshots).

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
    archs = choose_candidates(options["n"], options["candidates"], setting.space)
    references = choose_references(options["references"], archs, setting.space, setting.task.checksum)
    beside = [entry for name in plan["beside"] for entry in make_entries(name, setting)]
    judge = Judge(setting, archs, references, out / "scores", progress=options["progress"])
    values = {name: judge.run(paths) for name, paths in folders.items()}
    found = {
        reference.name: judge.compare(reference, values, plan, beside, options["bootstrap"]) for reference in references
    }
    content = {"n": len(archs), "candidates": options["candidates"], "references": found, "made": machine()}
    (out / "snapshots.json").write_text(json.dumps(content, indent=1))
    for number, (name, study) in enumerate(found.items(), start=1):
        print_snapshots(name, study, plan["last"])
        write_figure(snapshot_figure(study), out / f"snapshots-{number}")
    print(f"wrote {out}/snapshots.json and figures")


def snapshots_of(runs: Sequence[str]) -> dict[str, list[Path]]:
    """Name of the folder -> snapshots of each training, by step.

    Raises:
        DataError: a folder holds none.
        ConfigError: folders of one name.
    """
    found = {Path(run).name: snapshots_in(run) for run in runs}
    if len(found) < len(runs):
        raise ConfigError("runs must differ in the names of their folders", got=list(runs))
    return found


def snapshots_in(run: str | Path) -> list[Path]:
    """The snapshots in a training's folder, by step.

    Raises:
        DataError: there are none.
    """
    found = {int(path.stem.partition("-")[2]): path for path in here_or_shipped(run).glob("checkpoint-*.safetensors")}
    if not found:
        raise DataError(
            "the folder holds no snapshots of a training",
            got=str(run),
            expected="checkpoint-STEP.safetensors",
            fix=f"train with snapshots=true ({CHECKPOINT} alone is the end, not the way)",
        )
    return [found[step] for step in sorted(found)]


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
        self.params = np.array([count_params(simplify(setting.space.lower(t.arch))) for t in self.trials], dtype=float)
        for reference in references:
            aligned(reference, archs)  # too few in common fails before anything is scored

    def run(self, paths: Sequence[Path]) -> list[tuple[Model, Values]]:
        """Each snapshot and its scores, [n], NaN where it failed."""
        found = []
        for path in paths:
            model = load(path, fabric=self.setting.fabric, space=self.setting.space)
            engine = model.estimator(
                self.setting.readouts[0],
                task=self.setting.task,
                sample=self.setting.sample,
                skeletons=self.setting.skeletons,
            )
            label = f"{path.parent.name} {path.stem}"
            found.append((model, self._scores(Entry(label, engine, engine.identity))))
        return found

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
            entry.estimator, self.trials, path, entry.identity, progress=self.progress, label=entry.name
        )
        return np.array([score.value for score in scores])
