"""job=search: a search with an estimator, its history, its best networks, and a picture of its course."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ghn.app.checkpoints import open_checkpoint
from ghn.app.estimators import make_entries
from ghn.app.job_keys import SearcherKeys, SearchKeys
from ghn.app.setting import Setting, build_setting
from ghn.report.searches import print_search, write_front, write_search
from ghn.search.basic import RandomSearch
from ghn.search.guided import Screened
from ghn.search.lemonade import Lemonade
from ghn.search.registry import SCHEDULERS, make_searcher
from ghn.search.result import Limit
from ghn.search.runner import run_search
from ghn.types import Estimator, Searcher


def search_job(setting: Setting, keys: SearchKeys) -> None:
    """Runs a search and writes `history.jsonl`, `search.json` and `search.png`, and the front of LEMONADE.

    Raises:
        ConfigError: unknown searcher, estimator or option.
        ExistsError: `out` holds a search, and `resume` is false.
    """
    search, out = keys.search, Path(keys.out)
    searcher = _searcher(setting, search)
    entry = make_entries(search.estimator, setting)[0]
    result = run_search(
        searcher,
        entry.estimator if search.workers == 1 else partial(_worker_estimator, keys.model_dump()),
        limit=Limit(**search.limit.model_dump()),
        workers=search.workers,
        folder=out,
        resume=keys.resume,
        identity=entry.estimator.identity,
        progress=keys.progress,
        give_up_after=keys.give_up_after,
    )
    write_search(result, setting.space, out, {"searcher": search.name, "estimator": entry.name})
    print_search(result, setting.space)
    written = ["history.jsonl", "search.json", "search.png"]
    if isinstance(searcher, Lemonade):
        write_front(result, setting.space, out, searcher.objective)
        written += ["front.json", "front.png"]
    print(f"wrote {out}/{', '.join(written)}")


def _searcher(setting: Setting, search: SearcherKeys) -> Searcher[Any]:
    """The searcher, with the hypernetwork in front of its proposals if it is to screen them."""
    name, space, seed = search.name, setting.space, search.seed
    if not search.screen:
        return make_searcher(name, space, seed=seed, **search.options)
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    judge = model.estimator("loss", task=setting.task, sample=setting.sample, skeletons=setting.skeletons)
    if name in SCHEDULERS:
        inner = Screened(RandomSearch(space, seed), judge, search.screen)
        return make_searcher(name, space, inner=inner, **search.options)
    return Screened(make_searcher(name, space, seed=seed, **search.options), judge, search.screen)


def _worker_estimator(options: Mapping[str, Any]) -> Estimator[Any]:
    """The estimator of the options, made anew in a worker process."""
    return make_entries(options["search"]["estimator"], build_setting(options))[0].estimator
