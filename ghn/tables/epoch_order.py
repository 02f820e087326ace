"""How stable the order of a table's networks is from one epoch of their trainings to the next."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ghn.analysis.stability import Stability, measure_stability
from ghn.analysis.weighted import Floats
from ghn.tables.references import ReferenceTable
from ghn.tables.rows import Run


def stability_of_table(
    table: ReferenceTable,
    metric: str = "val_accuracy",
    *,
    seed: int = 0,
    scale: float = 1.0,
    unit: str = "",
    top: int = 10,
    etas: Sequence[float] = (2, 3, 4),
    draws: int = 200,
    bootstrap: int = 1000,
    progress: bool = False,
) -> Stability:
    """Measures the stability of the learning curves in a table: one seed's curves, epoch by epoch, and all seeds.

    Args:
        table: with curves.
        metric: `val_accuracy`, `train_accuracy`, `val_loss` or `train_loss`; losses are negated.
        seed: whose curves are followed; a search trains once.
        scale: what values are multiplied by, such as 100 for points.
        unit: of the scaled values.
        top: as in `measure_stability`; so are the other arguments.
        etas: as there.
        draws: as there.
        bootstrap: as there.
        progress: as there.

    Raises:
        DataError: too few networks have a curve with this seed.
        ConfigError: as in `measure_stability`.
    """
    sign = -scale if metric.endswith("loss") else scale
    runs = [run for arch in table.archs() for run in table.of(arch) if run.seed == seed]
    epochs = sorted({epoch for run in runs for epoch in run.epochs})
    values = {float(epoch): _readings(runs, metric, epoch) * sign for epoch in epochs}
    several = [own for arch in table.archs() if len(own := table.of(arch)) > 1]
    width = min(map(len, several), default=0)
    seeds = {
        float(e): np.array([_readings(own[:width], metric, e) * sign for own in several]) for e in epochs if several
    }
    header = table.header
    return measure_stability(
        values,
        seeds=seeds,
        top=top,
        etas=etas,
        draws=draws,
        bootstrap=bootstrap,
        name=f"{metric.replace('_', ' ')} of {len(runs)} trainings on {header.task}",
        unit=unit,
        progress=progress,
    )


def _readings(runs: Sequence[Run], metric: str, epoch: int) -> Floats:
    found = [run.reading(metric, epoch) if epoch in run.epochs else None for run in runs]
    return np.array([np.nan if value is None else value for value in found], dtype=float)
