"""job=search: a search with an estimator; job=ladder: one budget, from the hypernetwork's score to full training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from ghn.app.engines import make_workers
from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder
from ghn.app.job_keys import LadderKeys, SearchKeys
from ghn.app.search_keys import StepKeys, trains
from ghn.app.searchers import CostMaker, SearcherMaker
from ghn.app.setting import Setting, build_setting
from ghn.errors import ConfigError
from ghn.report.searches import print_ladder, print_search, write_front, write_ladder, write_search
from ghn.search.ladder import Ladder, LadderStep
from ghn.search.result import Limit
from ghn.search.runner import run_search
from ghn.search.workers import make_judge
from ghn.spaces.members import draw_distinct
from ghn.types import Estimator, Finite


def search_job(setting: Setting, keys: SearchKeys) -> None:
    """Runs a search and writes `history.jsonl`, `search.json` and `search.png`, and the front of objectives.

    Raises:
        ConfigError: unknown searcher, estimator or option.
        ExistsError: `out` holds a search, and `resume` is false.
    """
    search, out = keys.search, Path(keys.out)
    made = SearcherMaker(setting, search, out, keys.resume).make()
    entry = make_entries(search.estimator, setting)[0]
    judge = partial(make_judge, partial(_worker_estimator, keys.model_dump()))
    here = keys.engine == "local" and search.workers == 1
    result = run_search(
        made.searcher,
        entry.estimator if here else make_workers(judge, search.workers, keys),
        limit=Limit(**search.limit.model_dump()),
        folder=out,
        resume=keys.resume,
        identity=entry.estimator.identity,
        epoch=search.epoch,
        max_budget=made.raised,
        progress=keys.progress,
        give_up_after=keys.give_up_after,
    )
    about: dict[str, Any] = {"searcher": search.name, "estimator": entry.name}
    if made.constrained:
        about["refused"] = made.refused
    write_search(result, setting.space, out, about)
    print_search(result, setting.space)
    if made.constrained:
        print(f"{made.refused} proposals outside the bounds were refused")
    written = ["history.jsonl", "search.json", "search.png"]
    if made.costs:
        written += write_front(result, setting.space, out, made.costs)
    print(f"wrote {out}/{', '.join(written)}")


def _worker_estimator(options: Mapping[str, Any]) -> Estimator[Any]:
    """The estimator of the options, made anew in a worker process."""
    return make_entries(options["search"]["estimator"], build_setting(options))[0].estimator


def ladder_job(setting: Setting, keys: LadderKeys) -> None:
    """Climbs a ladder and writes `ladder.json` and the scores of each step.

    Raises:
        ConfigError: unknown estimator or a budget that it does not have; a budget that does not pay for the pilot;
            hardly a candidate within the bounds.
        ExistsError: `out` holds results, and `resume` is false.
    """
    climb, out = keys.search, Path(keys.out)
    check_folder(out, resume=keys.resume)
    ladder = Ladder(
        setting.space,
        make_steps(setting, climb.steps),
        seconds=climb.seconds,
        pool=_pool(setting, climb.pool, climb.seed),
        pilot=climb.pilot,
        folder=out / "steps",
        seed=climb.seed,
        progress=keys.progress,
        give_up_after=keys.give_up_after,
        bounds=CostMaker(setting, climb, out).bounds(),
    )
    if ladder.refused:
        print(f"{ladder.refused} candidates outside the bounds were left out")
    result = ladder.run()
    write_ladder(result, out)
    print_ladder(result)
    print(f"wrote {out}/ladder.json and {out}/steps")


def make_steps(setting: Setting, wanted: Sequence[StepKeys]) -> list[LadderStep]:
    """Steps of a ladder; trainings, extrapolated or not, go on from each other."""
    made: dict[str, Estimator[Any]] = {}
    steps = []
    for step in wanted:
        name, budget = step.estimator, step.budget
        if name not in made:
            made[name] = make_entries(name, setting)[0].estimator
        label = name if budget is None else f"{name} {budget:g}"
        chain = "training" if trains(name) else None if budget is None else name
        steps.append(LadderStep(label, made[name], budget, chain))
    return steps


def _pool(setting: Setting, size: int | None, seed: int) -> list[Any] | None:
    if size is None:
        return None
    space, rng = setting.space, Random(seed)
    if isinstance(space, Finite) and size > (most := len(space.distinct())):
        raise ConfigError("the space has fewer distinct networks", got=size, expected=f"at most {most}")
    return draw_distinct(space, size, rng)
