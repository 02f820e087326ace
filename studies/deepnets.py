"""How a hypernetwork of diverse networks orders networks that it has never met: each split, and torchvision-like ones.

Two stages: `references` trains the networks of every group, a few of each in turn, so that whoever stops it has some of
all; `order` reads them with generated weights, and sets parameters and zero-cost proxies beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
import torch
from rich import box
from rich.console import Console
from rich.table import Table

from ghn.analysis.correlation import MIN_ITEMS, Statistic, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.families.training.full import TrainingEstimator
from ghn.report.terminal import plain_signs
from ghn.report.words import with_interval
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.search.references import train_references
from ghn.spaces import ModuleSpace, changed_space
from ghn.spaces.members import draw_distinct
from ghn.tables.references import ReferenceTable
from ghn.tasks.outputs import count_outputs
from ghn.types import Estimator, Score, Space, Trial
from studies.run import run_study, write_json
from studies.torchvision_like import torchvision_like

OTHERS = "torchvision-like"  # the group that is no split
STAGES = ("references", "order")
KEYS = ("kendall", "kendall_best_half")


class Group(NamedTuple):
    """Networks that are ordered among themselves."""

    name: str
    space: Space[Any]
    archs: tuple[str, ...]  # official strings
    table: Path  # of references


def deepnets_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Trains references of all groups, or orders those that have some.

    Raises:
        ConfigError: an unknown stage, or a group with too few references.
        CheckpointError: the checkpoint is damaged, or of another kind of images.
    """
    plan = options["deepnets"]
    if plan["stage"] not in STAGES:
        raise ConfigError("unknown stage", got=plan["stage"], expected=" | ".join(STAGES))
    every = list(groups(setting, plan))
    if plan["stage"] == "references":
        train_in_turn(setting, every, plan["every"], progress=options["progress"])
        return
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    model = load(options["checkpoint"], fabric=setting.fabric)
    found = {group.name: judged(model, setting, group, options) for group in every if group.table.exists()}
    if not found:
        raise ConfigError(
            "no group has references", got=plan["references"], fix="train them: deepnets.stage=references"
        )
    content = {"checkpoint": model.digest, "groups": found, "made": machine()}
    write_json(out / "deepnets.json", content)
    print_order(found)
    print(f"wrote {out}/deepnets.json")


def groups(setting: Setting, plan: Mapping[str, Any]) -> Iterator[Group]:
    """The splits, each with as many networks as the plan says, and the torchvision-like networks."""
    folder = Path(plan["references"])
    for split in plan["splits"]:
        space = changed_space(setting.space, {"split": split, "networks": None})
        drawn = draw_distinct(space, plan["networks"], Random(f"deepnets/{split}"))
        yield Group(split, space, tuple(space.format(arch) for arch in drawn), folder / f"{split}.jsonl")
    if plan["torchvision_like"]:
        images = torch.zeros(2, *setting.task.input_shape)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            modules = ModuleSpace(torchvision_like(count_outputs(setting.task)), images)
        yield Group(OTHERS, modules, tuple(modules.members()), folder / f"{OTHERS}.jsonl")


def train_in_turn(setting: Setting, every: Sequence[Group], step: int, *, progress: bool) -> None:
    """Trains `step` networks of each group, then as many more of each, until all are trained; goes on after a kill."""
    most = max(len(group.archs) for group in every)
    for upto in range(step, most + step, step):
        for group in every:
            if upto - step >= len(group.archs):
                continue
            group.table.parent.mkdir(parents=True, exist_ok=True)
            estimator = TrainingEstimator(group.space, setting.task, setting.recipe, setting.fabric)
            jobs = [(arch, 0) for arch in group.archs[:upto]]
            table = train_references(estimator, jobs, group.table, progress=progress, give_up_after=None)
            print(f"{group.table}: {len(table)} of {len(group.archs)} networks", flush=True)


def judged(model: Model, setting: Setting, group: Group, options: Mapping[str, Any]) -> dict[str, Any]:
    """Everything about one group: the order of each reading, and the accuracies of generated and trained weights."""
    table = ReferenceTable.load(group.table, resume=True)
    skeleton = {} if group.name == OTHERS else {"skeleton": group.space.describe()}  # modules are known by their names
    table.check(space=group.space.name, task_checksum=setting.task.checksum, **skeleton)
    reference = table.value("val_accuracy")
    archs = [arch for arch in group.archs if arch in reference]
    if len(archs) < MIN_ITEMS:
        got = f"{len(archs)} of group {group.name}"
        raise ConfigError("too few trained networks to speak of an order", got=got, expected=f"at least {MIN_ITEMS}")
    trained = np.array([reference[arch] for arch in archs])
    scores = {
        name: read(estimator, group, archs, name, options)
        for name, estimator in estimators(model, setting, group, options).items()
    }
    rows = {name: ordered([one.value for one in found], trained, options) for name, found in scores.items()}
    accuracy = np.array([one.extra.get("accuracy", np.nan) for one in scores["loss"]], dtype=float)
    rows["accuracy"] = ordered(accuracy, trained, options)
    proxies = {name: rows[name]["kendall"]["value"] for name in options["deepnets"]["proxies"]}
    known = {name: value for name, value in proxies.items() if value is not None}
    return {
        "n": len(archs),
        "drawn": len(group.archs),
        "seeds": 1,  # so that the ceiling is not known
        "rows": rows,
        "best proxy": max(known, key=lambda name: known[name]) if known else None,
        "generated": spread(accuracy),
        "trained": spread(trained),
    }


def estimators(model: Model, setting: Setting, group: Group, options: Mapping[str, Any]) -> dict[str, Estimator[Any]]:
    """The readings of generated weights by name, then proxies of random ones."""
    parts = (group.space, model.images(setting.task), setting.fabric)
    made: dict[str, Estimator[Any]] = {
        name: WeightedEstimator(
            model.net, *parts, readout=name, sample=setting.sample, block=8, weights_id=model.digest
        )
        for name in options["deepnets"]["readouts"]
    }
    proxies = options["deepnets"]["proxies"]
    return made | {name: make_zero_cost(name, *parts, sample=setting.sample, block=8) for name in proxies}


def read(
    estimator: Estimator[Any], group: Group, archs: Sequence[str], name: str, options: Mapping[str, Any]
) -> list[Score]:
    """The scores of the networks, kept on disk as they come."""
    trials = [Trial(arch, group.space.parse(arch)) for arch in archs]
    path = Path(options["out"]) / "scores" / group.name / f"{name}.jsonl"
    label = f"{group.name} {name}"
    return score_to_file(
        estimator, trials, path, estimator.identity, progress=options["progress"], label=label, give_up_after=None
    )


def ordered(estimate: Any, trained: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Kendall with intervals, of all and of the best half, and how many could not be read."""
    values = np.asarray(estimate, dtype=float)
    kept = np.isfinite(values)
    failed = int((~kept).sum())
    if kept.sum() < MIN_ITEMS:
        return {"failed": failed, **{key: asdict(Statistic(None)) for key in KEYS}}
    found = rank(values[kept], trained[kept], ks=(), bootstrap=options["bootstrap"])
    return {"failed": failed, **{key: asdict(found[key]) for key in KEYS}}


def spread(values: Any) -> dict[str, float]:
    """Mean and quartiles of accuracies."""
    known = values[np.isfinite(values)]
    if not len(known):
        return {}
    low, middle, high = np.percentile(known, [25, 50, 75])
    return {
        "mean": float(known.mean()),
        "quarter": float(low),
        "median": float(middle),
        "three quarters": float(high),
        "greatest": float(known.max()),
    }


def print_order(found: Mapping[str, Mapping[str, Any]], console: Console | None = None) -> None:
    """Prints a table a group."""
    console = console or Console(width=110)
    for name, group in found.items():
        title = f"{name}: {group['n']} networks, one training each (the ceiling is not known)"
        table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
        for heading in ("reading", "failed", "Kendall", "of the best half"):
            table.add_column(heading, justify="left" if heading == "reading" else "right", no_wrap=True)
        for label, row in group["rows"].items():
            cells = [plain_signs(with_interval(Statistic(**row[key]))) for key in KEYS]
            best = " (best proxy)" if label == group["best proxy"] else ""
            table.add_row(f"{label}{best}", str(row["failed"]), *cells)
        console.print(table)
        for what in ("generated", "trained"):
            if values := group[what]:
                words = ", ".join(f"{key} {value:.3f}" for key, value in values.items())
                console.print(f"accuracy with {what} weights: {words}", highlight=False, markup=False)


if __name__ == "__main__":
    run_study("deepnets", deepnets_study)
