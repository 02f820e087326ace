"""What searches and ladders found: to a folder, and to a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from rich.console import Console

from ghn.analysis.front import pareto_front
from ghn.drawing.style import BLUE, ORANGE, canvas, legend, to_bytes
from ghn.files import write_atomic
from ghn.report.document import Block, Cell, Line, Table, Text
from ghn.report.terminal import print_blocks
from ghn.search.costs import Cost
from ghn.search.ladder import LadderResult
from ghn.search.result import SearchResult
from ghn.types import Space

SHOWN = 10  # networks in the table
_LOG = 140  # columns where there is no terminal, for the strings of architectures


def write_search(result: SearchResult, space: Space[Any], folder: Path, about: Mapping[str, Any]) -> None:
    """Writes `search.json`, with all candidates from the best down and all that tie for it, and `search.png`."""
    brackets = {step.trial.id: step.bracket for step in result.steps if step.bracket is not None}
    candidates = [
        {"arch": space.format(trial.arch), "value": score.value, "budget": score.budget, "id": trial.id}
        | ({"bracket": brackets[trial.id]} if trial.id in brackets else {})
        for trial, score in result.ranked()
    ]
    spent = {"trials": len(result.steps), "epochs": result.epochs, "cost_seconds": result.cost_seconds}
    best = [space.format(trial.arch) for trial, _ in result.ties]
    content = {**about, "stopped": result.stopped, "spent": spent, "failures": result.failures, "best": best}
    write_atomic(folder / "search.json", json.dumps({**content, "candidates": candidates}, indent=1))
    write_atomic(folder / "search.png", to_bytes(draw_course(result), "png"))


def print_search(result: SearchResult, space: Space[Any], console: Console | None = None) -> None:
    """Prints the best networks and what was spent."""
    best = [
        (f"{score.value:.4f}", "-" if score.budget is None else f"{score.budget:g}", space.format(trial.arch))
        for trial, score in result.ranked()[:SHOWN]
    ]
    table = _table(f"The best of {len(result.ranked())} networks", ("value", "budget", "network"), best, left=(2,))
    spent = (
        f"{len(result.steps)} trials, {result.failures} failed; {result.epochs:g} epochs, "
        f"{result.cost_seconds:.1f} seconds; stopped: {result.stopped}"
    )
    ties = len(result.ties)
    tied = [Text(f"{ties} networks tie for the best, of one budget and value")] if ties > 1 else []
    print_blocks([table, *tied, Text(spent)], console, log=_LOG)


def draw_course(result: SearchResult) -> Figure:
    """Every success against the cost, and the best so far."""
    figure, axes = canvas(4.6, 3.2)
    draw_search(axes, result)
    legend(figure, axes)
    return figure


def draw_search(axes: Axes, result: SearchResult) -> None:
    """The same, into axes; the cost is in epochs where budgets are, else in seconds."""
    cost = [step.epochs if result.epochs else step.cost_seconds for step in result.steps]
    good = [i for i, step in enumerate(result.steps) if step.score.ok]
    _trials(axes, [cost[i] for i in good], [result.steps[i].score.value for i in good])
    found = [(c, step.best[1].value) for c, step in zip(cost, result.steps, strict=True) if step.best]
    if found:
        axes.step(*zip(*found, strict=True), where="post", color=ORANGE, label="best so far")
    axes.set_xlabel(f"spent, {'epochs' if result.epochs else 'seconds'}")


def write_front(result: SearchResult, space: Space[Any], folder: Path, costs: Sequence[Cost]) -> list[str]:
    """Writes the front of score against costs as `front.json`, and pictures of it; returns their names.

    Candidates count with their largest budget.
    """
    names = [cost.name for cost in costs]
    points: list[dict[str, Any]] = []
    counted = {trial.id for trial, _ in result.ranked()}
    for t, s in result.history:
        if t.id not in counted:
            continue
        each = {cost.name: cost(t.arch) for cost in costs}
        point = {"id": t.id, "arch": space.format(t.arch), "value": s.value, "cost": each[names[0]], "parent": t.resume}
        points.append({**point, "costs": each})
    front = pareto_front([(point["value"], *point["costs"].values()) for point in points])
    content = {"objective": names[0], "objectives": names, "front": [points[i]["id"] for i in front], "trials": points}
    write_atomic(folder / "front.json", json.dumps(content, indent=1))
    written = ["front.json"]
    for number, cost in enumerate(costs):
        written.append("front.png" if number == 0 else f"front-{cost.name}.png")
        write_atomic(folder / written[-1], to_bytes(draw_front(points, front, cost), "png"))
    return written


def draw_front(points: Sequence[Mapping[str, Any]], front: Sequence[int], cost: Cost) -> Figure:
    """All trials against one cost, and those on the front; of a single cost its staircase, from the cheapest up."""
    figure, axes = canvas(4.6, 3.2)
    _trials(axes, [p["costs"][cost.name] for p in points], [p["value"] for p in points])
    found = sorted((points[i]["costs"][cost.name], points[i]["value"]) for i in front)
    costs, values = [c for c, _ in found], [v for _, v in found]
    if all(len(p["costs"]) == 1 for p in points):
        axes.step(costs, values, "s-", where="post", color=ORANGE, ms=4, label="front")
    else:
        axes.plot(costs, values, "s", color=ORANGE, ms=4, label="front")
    axes.set_xscale("log")
    axes.set_xlabel(cost.label)
    legend(figure, axes)
    return figure


def write_ladder(result: LadderResult, folder: Path) -> None:
    """Writes `ladder.json`: the best network, the plan, and what each step judged and spent."""
    content = {
        "best": result.best,
        "value": None if result.score is None else result.score.value,
        "plan": list(result.plan.counts),
        "judged": result.judged,
        "failed": result.failed,
        "refused": result.refused,
        "seconds": result.seconds,
        "correlation": result.correlation.round(4).tolist(),
        "history": [[step, arch, s.value if s.ok else None, spent] for step, arch, s, spent in result.history],
    }
    write_atomic(folder / "ladder.json", json.dumps(content, indent=1))


def print_ladder(result: LadderResult, console: Console | None = None) -> None:
    """Prints a line a step, and the best network."""
    steps = [
        (name, str(result.judged[name]), str(result.failed[name]), f"{result.seconds[name]:.1f}", f"{row[-1]:.2f}")
        for row, name in zip(result.correlation, result.judged, strict=True)
    ]
    table = _table("", ("step", "judged", "failed", "seconds", "correlation with the last"), steps)
    best = "no candidate came through the last step"
    if result.best is not None and result.score is not None:
        best = f"best: {result.best}, {result.score.value:.4f}"
    blocks: list[Block] = [table, Text(best), Text(f"{result.spent:.1f} seconds spent")]
    print_blocks(blocks, console, log=_LOG)


def _table(title: str, head: tuple[str, ...], rows: Sequence[Sequence[str]], left: tuple[int, ...] = ()) -> Table:
    return Table(title, head, tuple(Line(tuple(map(Cell, row))) for row in rows), left=left)


def _trials(axes: Axes, costs: Sequence[float], values: Sequence[float]) -> None:
    axes.plot(costs, values, "o", color=BLUE, markersize=3, alpha=0.5, label="a trial")
    axes.set_ylabel("score")
