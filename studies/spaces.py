"""One recipe in every space that has a shipped hypernetwork: how `rank` orders there, beside counting and proxies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting, task_space
from ghn.errors import ConfigError
from ghn.report.model import read_report
from ghn.spaces import CHECKPOINTS
from ghn.types import Benchmarked
from studies.ranking import ranking_study
from studies.run import options_of, run_study, write_json

TABLE = {"space", "development", "report"}
KEYS = ("kendall", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups")


def spaces_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Runs `studies.ranking` in each space, and writes `spaces.json`.

    Raises:
        ConfigError: a space without a shipped hypernetwork, or without known accuracies.
        ExistsError: the folder holds results.
    """
    folder, plan = Path(options["out"]), options["spaces"]
    check_folder(folder, resume=options["resume"])
    chosen = {name: ranking_options(name, options) for name in plan["names"] or CHECKPOINTS}
    spaces = {name: task_space(own["space"], setting.task) for name, own in chosen.items()}
    lacking = [
        name
        for name, space in spaces.items()
        if not (chosen[name]["ranking"]["report"] or isinstance(space, Benchmarked))
    ]
    if lacking and plan["names"]:
        fix = "spaces.tables=[{space: NAME, development: A.csv, report: B.csv}]"
        raise ConfigError("no accuracies of networks are known", got=", ".join(lacking), fix=fix)
    if lacking:
        print(f"left out, as no accuracies are shipped: {', '.join(lacking)}")
    found = {}
    for name in (name for name in chosen if name not in lacking):
        ranking_study(replace(setting, space=spaces[name], checkpoints=("shipped",)), chosen[name])
        found[name] = summary_of_space(folder / name)
    write_json(folder / "spaces.json", found)
    print_spaces(found)
    print(f"wrote {folder}/spaces.json")


def ranking_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `studies.ranking` for one space.

    Raises:
        ConfigError: it has no shipped hypernetwork, or an entry of `tables` is not as it should be.
    """
    plan = options["spaces"]
    if name not in CHECKPOINTS:
        raise ConfigError("no hypernetwork is shipped for the space", got=name, expected=" | ".join(CHECKPOINTS))
    if wrong := next((one for one in plan["tables"] if not isinstance(one, Mapping) or set(one) != TABLE), None):
        raise ConfigError("an entry of spaces.tables", got=wrong, expected="{space: NAME, development: A, report: B}")
    tables = next((dict(one) for one in plan["tables"] if one["space"] == name), {})
    tables.pop("space", None)
    own = options_of("ranking", [f"space={name}", f"out={Path(options['out']) / name}"])
    same = {key: options[key] for key in ("resume", "device", "precision", "threads", "progress", "bootstrap")}
    ranking = {key: plan[key] for key in ("pool", "n", "sizes", "draws", "proxies")} | tables
    return own | same | {"ranking": own["ranking"] | ranking}


def summary_of_space(folder: Path) -> dict[str, Any]:
    """Each row's statistics, with intervals over networks, and their means over draws of references."""
    (comparison,) = read_report(folder / "report").comparisons
    spread = json.loads((folder / "spread.json").read_text())
    rows = {}
    for row in comparison.rows:
        statistics = {key: [one.value, one.low, one.high] for key in KEYS if (one := row.statistics.get(key))}
        means = {key: fmean(values) for key, values in spread.get(row.name, {}).items()}
        rows[row.name] = {"first draw": statistics, "mean over draws": means}
    return {"reference": comparison.reference_name, "networks": comparison.n, "rows": rows}


def print_spaces(found: Mapping[str, Any], console: Console | None = None) -> None:
    """A block a space: Kendall over all, in the best half, in the best 20 % and inside equal size."""
    table = Table("space", "estimate", "all", "best half", "best 20 %", "equal size", box=None)
    for name, space in found.items():
        for place, (row, numbers) in enumerate(space["rows"].items()):
            mean, first = numbers["mean over draws"], numbers["first draw"]
            cells = [mean.get(key, first.get(key, [None])[0]) for key in KEYS]
            shown = ["-" if value is None else f"{value:.3f}" for value in cells]
            table.add_row(f"{name}, {space['networks']} networks" if not place else "", row, *shown)
    (console or Console(width=150)).print(table)


if __name__ == "__main__":
    run_study("spaces", spaces_study)
