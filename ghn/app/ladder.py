"""`search=ladder`: one budget, from the hypernetwork's score to full training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from rich.console import Console
from rich.table import Table

from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.files import write_atomic
from ghn.search.ladder import Ladder, LadderResult, Step
from ghn.spaces.draw import draw_distinct
from ghn.types import Estimator, Finite


def ladder_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Climbs a ladder and writes `ladder.json` and the scores of each step (job=ladder).

    Options, beside those of every job: `search.seconds`, `search.pilot`, `search.pool` (candidates, drawn from the
    space's distinct networks; null for all), `search.seed` and `search.steps`: a list of `{estimator, budget}`.

    Raises:
        ConfigError: unknown estimator or a budget that it does not have; a budget that does not pay for the pilot.
        ExistsError: `out` holds results, and `resume` is false.
    """
    search, out = options["search"], Path(options["out"])
    check_folder(out, resume=options["resume"])
    ladder = Ladder(
        setting.space,
        make_steps(setting, search["steps"]),
        seconds=search["seconds"],
        pool=_pool(setting, search["pool"], search["seed"]),
        pilot=search["pilot"],
        folder=out / "steps",
        seed=search["seed"],
        progress=options["progress"],
    )
    result = ladder.run()
    write_ladder(result, out)
    print_ladder(result)
    print(f"wrote {out}/ladder.json and {out}/steps")


def make_steps(setting: Setting, wanted: list[Mapping[str, Any]]) -> list[Step]:
    """Steps from `{estimator, budget}`; trainings, extrapolated or not, go on from each other."""
    made: dict[str, Estimator[Any]] = {}
    steps = []
    for step in wanted:
        name, budget = str(step["estimator"]), step.get("budget")
        if name not in made:
            made[name] = make_entries(name, setting)[0].estimator
        label = name if budget is None else f"{name} {budget:g}"
        trains = name == "low_fidelity" or name.startswith("curve_")
        steps.append(Step(label, made[name], budget, "training" if trains else None if budget is None else name))
    return steps


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
    console = console or Console(width=140)
    table = Table("step", box=None)
    for column in ("judged", "failed", "seconds", "correlation with the last"):
        table.add_column(column, justify="right")
    for row, name in zip(result.correlation, result.judged, strict=True):
        seconds = f"{result.seconds[name]:.1f}"
        table.add_row(name, str(result.judged[name]), str(result.failed[name]), seconds, f"{row[-1]:.2f}")
    console.print(table)
    if result.best is None or result.score is None:
        console.print("no candidate came through the last step", highlight=False)
    else:
        console.print(f"best: {result.best}, {result.score.value:.4f}", highlight=False)
    console.print(f"{result.spent:.1f} seconds spent", highlight=False)


def _pool(setting: Setting, size: int | None, seed: int) -> list[Any] | None:
    if size is None:
        return None
    space, rng = setting.space, Random(seed)
    if isinstance(space, Finite) and size > (most := len(space.distinct())):
        raise ConfigError("the space has fewer distinct networks", got=size, expected=f"at most {most}")
    return draw_distinct(space, size, rng)
