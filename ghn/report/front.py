"""The front that a search with two objectives found: `front.json` and `front.png`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ghn.analysis.front import pareto_front
from ghn.files import write_atomic
from ghn.report.style import BLUE, ORANGE, canvas, legend, to_bytes
from ghn.search.lemonade import cost_of
from ghn.search.result import SearchResult
from ghn.types import Space

LABELS = {"params": "live parameters", "macs": "multiply-adds an image"}


def write_front(result: SearchResult, space: Space[Any], folder: Path, objective: str) -> None:
    """Writes the front of score against cost, and its picture.

    Args:
        result: of the search; failures are left out.
        space: of its architectures.
        folder: for the two files.
        objective: the cost, one of `ghn.search.lemonade.COSTS`.
    """
    cost = cost_of(objective)
    points: list[dict[str, Any]] = [
        {
            "id": t.id,
            "arch": space.format(t.arch),
            "value": s.value,
            "cost": cost(space, t.arch),
            "parent": t.resume,
        }
        for t, s in result.history
        if s.ok
    ]
    front = pareto_front([(point["value"], point["cost"]) for point in points])
    content = {"objective": objective, "front": [points[i]["id"] for i in front], "trials": points}
    write_atomic(folder / "front.json", json.dumps(content, indent=1))
    write_atomic(folder / "front.png", to_bytes(draw_front(points, front, objective), "png"))


def draw_front(points: list[dict[str, Any]], front: list[int], objective: str) -> Figure:
    """All trials, and the staircase of those that no other dominates.

    Args:
        points: with `value` and `cost`.
        front: indices of the front, from the cheapest up.
        objective: the cost.
    """
    figure, axes = canvas(4.6, 3.2)
    axes.plot(
        [p["cost"] for p in points], [p["value"] for p in points], "o", color=BLUE, ms=3, alpha=0.5, label="a trial"
    )
    best = [points[i] for i in front]
    axes.step(
        [p["cost"] for p in best], [p["value"] for p in best], "s-", where="post", color=ORANGE, ms=4, label="front"
    )
    axes.set_xscale("log")
    axes.set_xlabel(LABELS[objective])
    axes.set_ylabel("score")
    legend(figure, axes)
    return figure
