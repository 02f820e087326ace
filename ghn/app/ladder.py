"""job=ladder: one budget, from the hypernetwork's score to full training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder
from ghn.app.job_keys import LadderKeys, StepKeys
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.report.searches import print_ladder, write_ladder
from ghn.search.ladder import Ladder, Step
from ghn.spaces.members import draw_distinct
from ghn.types import Estimator, Finite


def ladder_job(setting: Setting, keys: LadderKeys) -> None:
    """Climbs a ladder and writes `ladder.json` and the scores of each step.

    Raises:
        ConfigError: unknown estimator or a budget that it does not have; a budget that does not pay for the pilot.
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
    )
    result = ladder.run()
    write_ladder(result, out)
    print_ladder(result)
    print(f"wrote {out}/ladder.json and {out}/steps")


def make_steps(setting: Setting, wanted: Sequence[StepKeys]) -> list[Step]:
    """Steps of a ladder; trainings, extrapolated or not, go on from each other."""
    made: dict[str, Estimator[Any]] = {}
    steps = []
    for step in wanted:
        name, budget = step.estimator, step.budget
        if name not in made:
            made[name] = make_entries(name, setting)[0].estimator
        label = name if budget is None else f"{name} {budget:g}"
        trains = name == "low_fidelity" or name.startswith("curve_")
        steps.append(Step(label, made[name], budget, "training" if trains else None if budget is None else name))
    return steps


def _pool(setting: Setting, size: int | None, seed: int) -> list[Any] | None:
    if size is None:
        return None
    space, rng = setting.space, Random(seed)
    if isinstance(space, Finite) and size > (most := len(space.distinct())):
        raise ConfigError("the space has fewer distinct networks", got=size, expected=f"at most {most}")
    return draw_distinct(space, size, rng)
