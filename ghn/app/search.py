"""`search=NAME`: a search with an estimator, its history, its best networks, and a picture of its course."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ghn.app.estimators import make_entries
from ghn.app.setting import Setting, build_setting, open_checkpoint
from ghn.report.searches import print_search, write_front, write_search
from ghn.search.basic import RandomSearch
from ghn.search.lemonade import Lemonade
from ghn.search.registry import SCHEDULERS, make_searcher
from ghn.search.result import Limit
from ghn.search.runner import run_search
from ghn.search.screened import Screened
from ghn.types import Estimator, Searcher


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
