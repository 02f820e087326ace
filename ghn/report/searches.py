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
from ghn.files import write_atomic
from ghn.report.document import Block, Cell, Line, Table, Text
from ghn.report.style import BLUE, ORANGE, canvas, legend, to_bytes
from ghn.report.terminal import print_blocks
from ghn.search.ladder import LadderResult
from ghn.search.lemonade import cost_of
from ghn.search.result import SearchResult
from ghn.types import Space

LABELS = {"params": "live parameters", "macs": "multiply-adds an image"}
SHOWN = 10  # networks in the table
_LOG = 140  # columns where there is no terminal, for the strings of architectures


def write_search(result: SearchResult, space: Space[Any], folder: Path, about: Mapping[str, Any]) -> None:
    """Writes `search.json`, with all candidates from the best down, and `search.png`."""
    candidates = [
        {"arch": space.format(trial.arch), "value": score.value, "budget": score.budget, "id": trial.id}
        for trial, score in result.ranked()
    ]
    spent = {"trials": len(result.steps), "epochs": result.epochs, "cost_seconds": result.cost_seconds}
    content = {**about, "stopped": result.stopped, "spent": spent, "failures": result.failures}
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
    print_blocks([table, Text(spent)], console, log=_LOG)


def draw_course(result: SearchResult) -> Figure:
    """Every success against the cost, and the best so far."""
    cost = [step.epochs if result.epochs else step.cost_seconds for step in result.steps]
    figure, axes = canvas(4.6, 3.2)
    good = [i for i, step in enumerate(result.steps) if step.score.ok]
    _trials(axes, [cost[i] for i in good], [result.steps[i].score.value for i in good])
    found = [(c, step.best[1].value) for c, step in zip(cost, result.steps, strict=True) if step.best]
    if found:
        axes.step(*zip(*found, strict=True), where="post", color=ORANGE, label="best so far")
    axes.set_xlabel(f"spent, {'epochs' if result.epochs else 'seconds'}")
    legend(figure, axes)
    return figure


def write_front(result: SearchResult, space: Space[Any], folder: Path, objective: str) -> None:
    """Writes the front of score against cost, one of `ghn.search.lemonade.COSTS`, as `front.json`, and its picture."""
    cost = cost_of(objective)
    points: list[dict[str, Any]] = [
        {"id": t.id, "arch": space.format(t.arch), "value": s.value, "cost": cost(space, t.arch), "parent": t.resume}
        for t, s in result.history
        if s.ok
    ]
    front = pareto_front([(point["value"], point["cost"]) for point in points])
    content = {"objective": objective, "front": [points[i]["id"] for i in front], "trials": points}
    write_atomic(folder / "front.json", json.dumps(content, indent=1))
    write_atomic(folder / "front.png", to_bytes(draw_front(points, front, objective), "png"))


def draw_front(points: Sequence[Mapping[str, Any]], front: Sequence[int], objective: str) -> Figure:
    """All trials, with `value` and `cost`, and the staircase of those on the front, from the cheapest up."""
    figure, axes = canvas(4.6, 3.2)
    _trials(axes, [p["cost"] for p in points], [p["value"] for p in points])
    costs, values = ([points[i][key] for i in front] for key in ("cost", "value"))
    axes.step(costs, values, "s-", where="post", color=ORANGE, ms=4, label="front")
    axes.set_xscale("log")
    axes.set_xlabel(LABELS[objective])
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
