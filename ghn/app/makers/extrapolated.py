"""Estimators that train a little and say where that will end."""

from __future__ import annotations

from typing import Any

from ghn.app.makers.trained import make_low_fidelity
from ghn.app.setting import Entry, Setting
from ghn.errors import ConfigError, DataError
from ghn.families.curves.estimator import CurveEstimator, make_curve_model
from ghn.scoring.crossfit import CrossFitted
from ghn.spaces.candidates import benchmark_of
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.types import Score, Trial


def curve(name: str, setting: Setting) -> list[Entry]:
    """A short training, extrapolated; models that learn do so from the shipped curves.

    Raises:
        ConfigError: the model learns and no shipped curves fit, or cannot work with so few epochs.
    """
    kind = name.removeprefix("curve_")
    trainer, horizon = make_low_fidelity(setting), setting.recipe.epochs
    epochs = min(trainer.fidelity_of(None).epochs or horizon, horizon - 1)  # all of them: trials say how many

    def new() -> CurveEstimator:
        return CurveEstimator(trainer, make_curve_model(kind), epochs, horizon)

    finished = finished_curves(setting)
    if new().model.needs_finished and not finished:
        raise ConfigError(
            f"estimator={name} learns from finished curves, and none are shipped for this space, task and recipe",
            fix="use curve_last, curve_sotl or curve_parametric; in Python: CurveEstimator(..., finished=curves)",
        )
    estimator = CrossFitted(new, setting.space)
    estimator.fit(finished)
    return [Entry(f"curve, {kind}, {epochs} of {horizon} epochs", estimator)]


def finished_curves(setting: Setting) -> list[tuple[Trial[Any], Score]]:
    """The shipped trainings with their curves; none where they are of another space, task or recipe."""
    if (benchmark := benchmark_of(setting.space)) is None:
        return []
    table = ReferenceTable.load(benchmark.trainings)
    try:
        table.check(space=setting.space.name, task_checksum=setting.task.checksum, skeleton=setting.space.describe())
    except DataError:
        return []
    if table.header.recipe != setting.recipe.describe():
        return []
    trials = [Trial(text, setting.space.parse(text)) for text in table.archs()]
    return list(zip(trials, TableEstimator(table, setting.space, seed=0).score(trials), strict=True))
