"""Tables of trainings as Syne Tune simulates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ghn.errors import DataError
from ghn.extras import check_extra
from ghn.spaces.configs import WHOLE, config_of, options_of
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import CURVES, Run, check_metric
from ghn.types import Space

check_extra("syne-tune", "syne_tune", "pandas", "huggingface_hub")

import pandas as pd  # noqa: E402
from syne_tune.blackbox_repository.blackbox_tabular import BlackboxTabular  # noqa: E402
from syne_tune.config_space import choice, randint  # noqa: E402

EPOCH, SECONDS = "epoch", "elapsed_time"  # names of the resource, and of the seconds since a training began


def blackbox(
    table: ReferenceTable, space: Space[Any] | None = None, metrics: Sequence[str] | None = None
) -> BlackboxTabular:
    """Trainings of a table, for `UserBlackboxBackend(blackbox, elapsed_time_attr="elapsed_time")`.

    Of each architecture as many seeds as all have, the lowest; the epochs that all have; seconds where all are known.

    Args:
        table: of finished trainings, with curves or without.
        space: a column for each of its choices; None: one column, `arch`, of the table's official strings, so that
            any searcher meets only what was trained.
        metrics: of `METRICS`; by default the curves that all have, and the test accuracy where there are none. With
            curves, `test_accuracy` is NaN before the last epoch.

    Raises:
        DataError: no trainings, or of another space; or they have no epoch in common, or lack a metric.
    """
    archs, configs = table.archs(), {WHOLE: tuple(table.archs())}
    if space is not None:
        table.check(space=space.name)
        configs = options_of(space)
    rows = [config_of(space, space.parse(arch)) if space else {WHOLE: arch} for arch in archs]
    seeds = min((len(table.of(arch)) for arch in archs), default=0)
    runs = [table.of(arch)[:seeds] for arch in archs]
    every = [run for own in runs for run in own]
    epochs = _common_epochs(table, every)
    known = [m for m in (*CURVES, "test_accuracy") if all(run.reading(m) is not None for run in every)]
    chosen = list(metrics or [m for m in known if m in CURVES] or known)
    for metric in chosen:
        check_metric(metric)
    if not chosen or not set(chosen) <= set(known):
        raise DataError("not all trainings of the table have the metric", got=chosen, expected=f"some of {known}")
    timed = all(run.seconds is not None for run in every)
    values = np.array([[[_values(run, chosen, e, timed) for e in epochs] for run in own] for own in runs], float)
    made = BlackboxTabular(
        hyperparameters=pd.DataFrame(rows),
        configuration_space={name: choice(list(options)) for name, options in configs.items()},
        fidelity_space={EPOCH: randint(1, max(epochs))},
        objectives_evaluations=values,
        fidelity_values=np.array(epochs),
        objectives_names=[*chosen, *([SECONDS] if timed else [])],
    )
    # Syne Tune 0.16 looks rows up by a tuple of options, which pandas refuses where an index has one level that is bare
    made.hyperparameters_index.index = pd.MultiIndex.from_frame(made.hyperparameters)
    return made


def _common_epochs(table: ReferenceTable, runs: Sequence[Run]) -> list[int]:
    """The epochs that all runs have; of runs without curves the last one."""
    if not runs:
        raise DataError("a table without trainings cannot be simulated")
    if not any(run.epochs for run in runs):
        return [int(table.header.recipe.get("epochs", 1))]
    common = sorted(set.intersection(*(set(run.epochs) for run in runs)))
    if not common:
        raise DataError("the trainings of the table have no epoch in common", fix="make a table of equal curves")
    return common


def _values(run: Run, metrics: Sequence[str], epoch: int, timed: bool) -> list[float | None]:
    """What a training gave after an epoch, and after how many seconds."""
    read = [run.reading(metric, epoch if run.epochs else None) for metric in metrics]
    return [*read, run.seconds_until(epoch)] if timed else list(read)
