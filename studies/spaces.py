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
from ghn.types import Benchmarked, Task
from studies.ranking import ranking_study
from studies.run import options_of, run_study, space_options, write_json

TABLES = ({"space", "development", "report"}, {"space", "trained"})  # keys of an entry of `spaces.tables`
KEYS = ("kendall", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups")


def spaces_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Runs `studies.ranking` in each space, and with each table, and writes `spaces.json`.

    Raises:
        ConfigError: a space without a shipped hypernetwork, or without known accuracies.
        ExistsError: the folder holds results.
    """
    folder, plan = Path(options["out"]), options["spaces"]
    check_folder(folder, resume=options["resume"])
    chosen = rows_of(plan, setting.task)
    if not chosen:
        raise ConfigError("no accuracies of networks are known", fix="spaces.tables=[{space: NAME, trained: A.jsonl}]")
    found = {}
    for row, tables in chosen.items():
        own = ranking_options(row, tables, options)
        space = task_space(own["space"], setting.task)
        ranking_study(replace(setting, space=space, checkpoints=("shipped",)), own)
        found[row] = summary_of_space(Path(own["out"]))
    write_json(folder / "spaces.json", found)
    print_spaces(found)
    print(f"wrote {folder}/spaces.json")


def rows_of(plan: Mapping[str, Any], task: Task) -> dict[str, dict[str, Any]]:
    """What is ranked, by the name of its folder: spaces with shipped accuracies, and those of the tables.

    Raises:
        ConfigError: no hypernetwork is shipped of a space, a space that is named has no accuracies, or an entry of
            `tables` is not as it should be.
    """
    for name in [*(plan["names"] or ()), *(one.get("space") for one in plan["tables"] if isinstance(one, Mapping))]:
        if name not in CHECKPOINTS:
            expected = " | ".join(CHECKPOINTS)
            raise ConfigError("no hypernetwork is shipped for the space", got=name, expected=expected)
    rows: dict[str, dict[str, Any]] = {}
    for name in CHECKPOINTS if plan["names"] is None else plan["names"]:
        if isinstance(task_space(space_options(name), task), Benchmarked):
            rows[name] = {"space": name}
        elif plan["names"]:
            raise ConfigError("no accuracies of networks are known", got=name, fix="name tables: spaces.tables=[...]")
    for one in plan["tables"]:
        if not isinstance(one, Mapping) or set(one) not in TABLES:
            expected = "{space: NAME, development: A, report: B}, or {space: NAME, trained: A.jsonl}"
            raise ConfigError("an entry of spaces.tables", got=one, expected=expected)
        row = f"{one['space']}-{Path(one.get('report') or one['trained']).stem}"
        if row in rows:
            raise ConfigError("two entries of spaces.tables have one name", got=row, fix="rename a file")
        rows[row] = dict(one)
    return rows


def ranking_options(row: str, tables: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of `studies.ranking` for one row of `rows_of`."""
    plan, tables = options["spaces"], dict(tables)
    own = options_of("ranking", [f"space={tables.pop('space')}", f"out={Path(options['out']) / row}"])
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
