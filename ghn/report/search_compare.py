"""Searchers at equal cost, in simulation: regret on the project's own curves and on the published table."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.estimators.candidates import EMBEDDED
from ghn.estimators.published import read_analog_nasbench
from ghn.estimators.references import ReferenceTable
from ghn.estimators.registry import Setting
from ghn.estimators.table import TableEstimator
from ghn.report.style import BLACK, BLUE, GREY, ORANGE, canvas, legend, to_bytes
from ghn.search.asha import ASHA
from ghn.search.halving import Hyperband, SuccessiveHalving
from ghn.search.local import ListSearch, RandomSearch, RegularizedEvolution
from ghn.search.simulate import simulate_regret
from ghn.spaces import make_space
from ghn.types import Searcher

LINES = ((BLUE, "-"), (ORANGE, "--"), (BLACK, "-."), (GREY, ":"))


def compare_searchers_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Simulates searchers on a table and writes `searchers.json` and `searchers.png` (job=compare_searchers).

    Options: `compare.table` (`embedded` or `nasbench201`), `compare.seeds`, `compare.cost` (largest cost; epochs of the
    first, trainings of the second) and `compare.workers`.

    Raises:
        ConfigError: unknown table.
        MissingExtraError: the published table is not installed.
    """
    compare, out = options["compare"], Path(options["out"])
    if compare["table"] not in STUDIES:
        raise ConfigError("unknown table to search", got=compare["table"], expected=" | ".join(STUDIES))
    found = STUDIES[compare["table"]](compare["seeds"], compare["cost"], workers=compare["workers"])
    out.mkdir(parents=True, exist_ok=True)
    (out / "searchers.json").write_text(json.dumps(found, indent=1))
    (out / "searchers.png").write_bytes(to_bytes(regret_figure(found), "png"))
    print_regrets(found)
    print(f"wrote {out}/searchers.json and searchers.png")


def embedded_study(seeds: int = 20, cost: float = 200, *, workers: int = 1) -> dict[str, Any]:
    """Schedulers on the 96 shipped curves of 20 epochs, cost in epochs.

    The search sees the validation accuracies of one training of each network. Regret is in test accuracy after 20
    epochs (mean over seeds, where there are several).
    """
    table = ReferenceTable.load(asset(EMBEDDED))
    space = make_space(table.header.space, **table.header.skeleton)
    archs, final = table.archs(), table.value("test_accuracy")
    epochs = float(table.header.recipe["epochs"])

    def around(kind: Any, **settings: Any) -> Callable[[int], Searcher[Any]]:
        return lambda seed: kind(ListSearch(archs, seed), max_budget=epochs, **settings)

    makers: dict[str, Callable[[int], Searcher[Any]]] = {
        "random search": lambda seed: ListSearch(archs, seed, budget=epochs),
        "successive halving": around(SuccessiveHalving, total=cost),
        "Hyperband": around(Hyperband, rounds=None),
        "ASHA": around(ASHA),
    }
    estimator = TableEstimator(table, space, seed=0)
    grid = np.arange(epochs, cost + 1, max(1.0, epochs / 4)).tolist()
    regrets = {
        name: simulate_regret(
            make, estimator, final.__getitem__, max(final.values()), grid, seeds=seeds, workers=workers
        )
        for name, make in makers.items()
    }
    return _summary("embedded", f"epochs of training ({workers} at once)", grid, regrets)


def published_study(seeds: int = 20, cost: float = 200, *, workers: int = 1) -> dict[str, Any]:
    """Random search and evolution on the published accuracies of all cells, cost in trainings of 200 epochs.

    The table has one number a cell: what the search sees and what it is judged by are the same.
    """
    table = read_analog_nasbench()
    space = make_space("nasbench201", **table.header.skeleton)
    estimator = TableEstimator(table, space, metric="test_accuracy", key=space.format)
    accuracy = {space.parse(run.arch): float(run.test_accuracy or 0.0) for run in table.runs}
    makers: dict[str, Callable[[int], Searcher[Any]]] = {
        "random search": lambda seed: RandomSearch(space, seed),
        "evolution": lambda seed: RegularizedEvolution(space, seed, population=20, sample=5),
        "evolution, distinct": lambda seed: RegularizedEvolution(space, seed, population=20, sample=5, distinct=True),
    }
    grid = [float(i) for i in range(1, int(cost) + 1)]
    regrets = {
        name: simulate_regret(
            make,
            estimator,
            accuracy.__getitem__,
            max(accuracy.values()),
            grid,
            seeds=seeds,
            unit="trials",
            workers=workers,
        )
        for name, make in makers.items()
    }
    return _summary("nasbench201", "trainings of 200 epochs", grid, regrets)


STUDIES: dict[str, Callable[..., dict[str, Any]]] = {"embedded": embedded_study, "nasbench201": published_study}


def _summary(table: str, unit: str, grid: Sequence[float], regrets: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Quartiles over seeds, in points of accuracy; None where some seed had found nothing yet."""
    quartiles = {}
    for name, found in regrets.items():
        rows = np.percentile(100 * found, [25, 50, 75], axis=0)
        rows = np.where(np.isfinite(rows), rows.round(4), np.nan)
        quartiles[name] = {
            key: [None if np.isnan(v) else float(v) for v in row]
            for key, row in zip(("low", "median", "high"), rows, strict=True)
        }
    seeds = len(next(iter(regrets.values())))
    return {"table": table, "unit": unit, "seeds": seeds, "cost": list(grid), "regret_points": quartiles}


def regret_figure(found: Mapping[str, Any]) -> Figure:
    """Median regret against cost, quartiles as bands."""
    figure, axes = canvas(4.6, 3.4)
    for (colour, dash), (name, rows) in zip(LINES, found["regret_points"].items(), strict=False):
        low, median, high = (np.array(rows[key], dtype=float) for key in ("low", "median", "high"))
        axes.plot(found["cost"], median, color=colour, linestyle=dash, linewidth=1.6, label=name)
        axes.fill_between(found["cost"], low, high, color=colour, alpha=0.12, linewidth=0)
    axes.set_xlabel(f"cost, {found['unit']}")
    axes.set_ylabel("regret, points of accuracy")
    axes.set_ylim(bottom=0)
    legend(figure, axes)
    return figure


def print_regrets(found: Mapping[str, Any], console: Console | None = None) -> None:
    """Median and quartiles at a quarter, half and all of the cost."""
    cost = found["cost"]
    places = [len(cost) // 4, len(cost) // 2, len(cost) - 1]
    title = Text(f"Regret in points of accuracy, {found['seeds']} seeds: median [quartiles]")
    table = Table("searcher", title=title, box=None)
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
    (console or Console()).print(table)
