"""Regrets of searchers at equal cost, as numbers, as a figure and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.drawing.style import BLACK, BLUE, GREY, ORANGE, canvas, legend

LINES = {
    "random search": (GREY, ":", "o"),
    "evolution": (BLUE, "-.", "v"),
    "Hyperband": (BLUE, "--", "s"),
    "ASHA": (BLACK, "-.", "^"),
    "successive halving": (GREY, "-", "x"),
    "ladder": (ORANGE, "-", "D"),
}


@dataclass(frozen=True)
class Regrets:
    """What searchers lacked to the best at equal costs.

    Attributes:
        table: what was searched.
        unit: of the costs, in words.
        cost: at which was looked.
        regrets: [seeds, costs] by searcher, as a difference of accuracies; NaN where nothing had been found yet.
    """

    table: str
    unit: str
    cost: Sequence[float]
    regrets: Mapping[str, np.ndarray]

    def summary(self) -> dict[str, Any]:
        """Quartiles over seeds, in points of accuracy; None where some seed had found nothing yet."""
        quartiles = {}
        for name, found in self.regrets.items():
            rows = np.percentile(100 * found, [25, 50, 75], axis=0)
            quartiles[name] = {
                key: [None if np.isnan(v) else float(v) for v in row.round(4)]
                for key, row in zip(("low", "median", "high"), rows, strict=True)
            }
        seeds = len(next(iter(self.regrets.values())))
        return {
            "table": self.table,
            "unit": self.unit,
            "seeds": seeds,
            "cost": list(self.cost),
            "regret_points": quartiles,
        }


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
