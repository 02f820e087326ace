"""Heirs of a trained network against trainings from random weights at equal cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.analysis.correlation import MIN_ITEMS, kendall
from ghn.app.evaluation import check_folder, machine
from ghn.app.makers.trained import make_morphism
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.references import ReferenceTable
from ghn.train.rungs import Fidelity
from ghn.types import Estimator, Score, Trial
from studies.run import run_study, write_json


def morphism_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Compares accuracies after few epochs with those of full trainings.

    The first `n` references are judged by heirs, trained for `fidelity.epochs`; by trainings from random weights of as
    many epochs, annealed over them as the heirs' are; and by such of as many as the heirs cost when the ancestor's
    training is shared among the `n`. Errors are against the validation accuracy after a full training: of the embedded
    references, or of a table that job=references wrote, whose path is `references`.

    Raises:
        ConfigError: too few networks to speak of an order, or more than there are references.
        DataError: the references are of another task or skeleton.
    """
    out, n = Path(options["out"]), options["n"]
    check_folder(out, resume=options["resume"])
    full = trained_accuracies(setting, options["references"])
    if not MIN_ITEMS <= n <= len(full):
        raise ConfigError(
            "the comparison needs trained references", got=f"n={n}", expected=f"{MIN_ITEMS} to {len(full)}"
        )
    archs = list(full)[:n]
    heirs = make_morphism(setting)
    shared = heirs.epochs + ceil(setting.recipe.epochs / n)
    ways: dict[str, Estimator[Any]] = {f"morphism, {heirs.epochs} epochs": heirs}
    for epochs in sorted({heirs.epochs, min(shared, setting.recipe.epochs)}):
        ways[f"from scratch, {epochs} epochs"] = _from_scratch(setting, epochs)
    rows = {}
    for name, estimator in ways.items():
        trials = [Trial(arch, setting.space.parse(arch)) for arch in archs]
        path, identity = out / f"{name}.jsonl", estimator.identity
        scores = score_to_file(estimator, trials, path, identity, progress=options["progress"], label=name)
        rows[name] = judge_accuracies(scores, [full[arch] for arch in archs])
    write_json(out / "morphism.json", {"n": n, "ways": rows, "made": machine()})
    print_ways(rows, n)
    print(f"wrote {out}/morphism.json")


def trained_accuracies(setting: Setting, references: str) -> dict[str, float]:
    """Validation accuracy after full training by official string; the embedded ones in the order of candidates.

    Raises:
        DataError: they are of another task or skeleton.
    """
    own = Path(references).is_file()
    table = ReferenceTable.load(references if own else asset(EMBEDDED))
    skeleton = setting.space.describe()
    table.check(space=setting.space.name, task_checksum=setting.task.checksum, skeleton=skeleton)
    values = table.value("val_accuracy")
    order = table.archs() if own else known_benchmark(setting.space).candidates(len(values), "development")
    return {arch: values[arch] for arch in order}


def judge_accuracies(scores: Sequence[Score], full: Sequence[float]) -> dict[str, float | None]:
    """How accuracies after little training stand to those after full training; failures are left out and counted.

    Returns:
        Mean absolute error and bias (points of accuracy), Kendall's tau, mean seconds and multiply-adds of a network,
        those of what is shared in all, and failures.
    """
    good = [(score, accuracy) for score, accuracy in zip(scores, full, strict=True) if score.ok]
    values, wanted = np.array([s.value for s, _ in good]), np.array([a for _, a in good])
    extras = [score.extra for score, _ in good]
    return {
        "error": float(100 * np.abs(values - wanted).mean()),
        "bias": float(100 * (values - wanted).mean()),
        "kendall": kendall([score.value for score in scores], full),
        "seconds": float(np.mean([score.cost_seconds for score, _ in good])),
        "macs": float(np.mean([extra["macs"] for extra in extras])),
        "shared_seconds": float(max((extra.get("shared_seconds", 0.0) for extra in extras), default=0.0)),
        "shared_macs": float(max((extra.get("shared_macs", 0.0) for extra in extras), default=0.0)),
        "failed": len(scores) - len(good),
    }


def print_ways(rows: Mapping[str, Mapping[str, Any]], n: int) -> None:
    """Prints a row a way; the cost has the ancestor's share in it."""
    table = Table(title=f"Accuracy after few epochs against full training, {n} networks", box=None)
    table.add_column("way")
    for column in (
        "mean error, points",
        "bias, points",
        "Kendall",
        "seconds a network",
        "10^9 multiply-adds",
        "failed",
    ):
        table.add_column(column, justify="right")
    for name, row in rows.items():
        seconds, macs = (row[unit] + row[f"shared_{unit}"] / n for unit in ("seconds", "macs"))
        tau = "-" if row["kendall"] is None else f"{row['kendall']:.2f}"
        cells = (f"{row['error']:.1f}", f"{row['bias']:+.1f}", tau, f"{seconds:.1f}")
        table.add_row(name, *cells, f"{macs / 1e9:.0f}", str(row["failed"]))
    Console(width=140).print(table)


def _from_scratch(setting: Setting, epochs: int) -> LowFidelityEstimator:
    """Short trainings with a schedule of their own, and the seed of the heirs."""
    folder = setting.folder and setting.folder / "scratch"
    fidelity = Fidelity(epochs, anneal=True)
    return LowFidelityEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        fidelity=fidelity,
        folder=folder and folder / str(epochs),
        seed=1,
    )


if __name__ == "__main__":
    run_study("morphism", morphism_study)
