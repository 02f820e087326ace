"""`search=NAME`: a search with an estimator, its history, its best networks, and a picture of its course."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.app.estimators import make_entries
from ghn.app.setting import Setting, build_setting, open_checkpoint
from ghn.files import write_atomic
from ghn.report.front import write_front
from ghn.report.style import BLUE, ORANGE, canvas, legend, to_bytes
from ghn.search.basic import RandomSearch
from ghn.search.lemonade import Lemonade
from ghn.search.registry import SCHEDULERS, make_searcher
from ghn.search.result import Limit, SearchResult
from ghn.search.runner import run_search
from ghn.search.screened import Screened
from ghn.types import Estimator, Searcher, Space

SHOWN = 10  # networks in the table


def search_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Runs a search and writes `history.jsonl`, `search.json` and `search.png`, and the front of LEMONADE (job=search).

    Options, beside those of every job: `search.name`, `search.seed`, `search.estimator`, `search.options` (of the
    searcher), `search.limit` (fields of `Limit`), `search.workers`, and `search.screen`: proposals for each trial, of
    which the first checkpoint's hypernetwork chooses one; 0 for none.

    Raises:
        ConfigError: unknown searcher or option.
        ExistsError: `out` holds a search, and `resume` is false.
    """
    search, out = options["search"], Path(options["out"])
    searcher = _searcher(setting, search)
    entry = make_entries(search["estimator"], setting)[0]
    result = run_search(
        searcher,
        entry.estimator if search["workers"] == 1 else partial(_worker_estimator, dict(options)),
        limit=Limit(**search["limit"]),
        workers=search["workers"],
        folder=out,
        resume=options["resume"],
        identity=entry.identity,
        progress=options["progress"],
    )
    write_search(result, setting.space, out, {"searcher": search["name"], "estimator": entry.name})
    print_search(result, setting.space)
    written = ["history.jsonl", "search.json", "search.png"]
    if isinstance(searcher, Lemonade):
        write_front(result, setting.space, out, searcher.objective)
        written += ["front.json", "front.png"]
    print(f"wrote {out}/{', '.join(written)}")


def write_search(result: SearchResult, space: Space[Any], folder: Path, about: Mapping[str, Any]) -> None:
    """Writes `search.json`, with all candidates from the best down, and `search.png`."""
    candidates = [
        {"arch": space.format(trial.arch), "value": score.value, "budget": score.budget, "id": trial.id}
        for trial, score in result.ranked()
    ]
    spent = {"trials": len(result.steps), "epochs": result.epochs, "cost_seconds": result.cost_seconds}
    content = {**about, "stopped": result.stopped, "spent": spent, "failures": result.failures}
    write_atomic(folder / "search.json", json.dumps({**content, "candidates": candidates}, indent=1))
    write_atomic(folder / "search.png", to_bytes(course(result), "png"))


def print_search(result: SearchResult, space: Space[Any], console: Console | None = None) -> None:
    """Prints the best networks and what was spent."""
    table = Table("value", "budget", "network", title=f"The best of {len(result.ranked())} networks", box=None)
    for trial, score in result.ranked()[:SHOWN]:
        budget = "-" if score.budget is None else f"{score.budget:g}"
        table.add_row(f"{score.value:.4f}", budget, Text(space.format(trial.arch)))
    console = console or Console(width=140)
    console.print(table)
    console.print(
        f"{len(result.steps)} trials, {result.failures} failed; {result.epochs:g} epochs, "
        f"{result.cost_seconds:.1f} seconds; stopped: {result.stopped}",
        highlight=False,
    )


def course(result: SearchResult) -> Figure:
    """Every success against the cost, and the best so far."""
    unit = "epochs" if result.epochs else "seconds"
    cost = [step.epochs if result.epochs else step.cost_seconds for step in result.steps]
    figure, axes = canvas(4.6, 3.2)
    good = [i for i, step in enumerate(result.steps) if step.score.ok]
    axes.plot(
        [cost[i] for i in good],
        [result.steps[i].score.value for i in good],
        "o",
        color=BLUE,
        markersize=3,
        alpha=0.5,
        label="a trial",
    )
    found = [(c, step.best[1].value) for c, step in zip(cost, result.steps, strict=True) if step.best]
    if found:
        axes.step(*zip(*found, strict=True), where="post", color=ORANGE, label="best so far")
    axes.set_xlabel(f"spent, {unit}")
    axes.set_ylabel("score")
    legend(figure, axes)
    return figure


def _searcher(setting: Setting, search: Mapping[str, Any]) -> Searcher[Any]:
    """The searcher, with the hypernetwork in front of its proposals if it is to screen them."""
    name, space, factor = search["name"], setting.space, search["screen"]
    if not factor:
        return make_searcher(name, space, seed=search["seed"], **search["options"])
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    judge = model.estimator("loss", task=setting.task, sample=setting.sample, skeletons=setting.skeletons)
    if name in SCHEDULERS:
        inner = Screened(RandomSearch(space, search["seed"]), judge, factor)
        return make_searcher(name, space, inner=inner, **search["options"])
    return Screened(make_searcher(name, space, seed=search["seed"], **search["options"]), judge, factor)


def _worker_estimator(options: Mapping[str, Any]) -> Estimator[Any]:
    """The estimator of the options, made anew in a worker process."""
    return make_entries(options["search"]["estimator"], build_setting(options))[0].estimator
