"""Estimators that train candidates, in full, cut short, extrapolated or as heirs, or that learn from trained ones."""

from __future__ import annotations

from typing import Any

from ghn.app.setting import Entry, Setting, open_checkpoint
from ghn.errors import DataError, NothingToLearnError
from ghn.families.curves.estimator import CurveEstimator, make_curve_model
from ghn.families.morphism.estimator import MorphismEstimator, largest
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.full import TrainingEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.scoring.crossfit import CrossFitted
from ghn.spaces.candidates import benchmark_of
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
from ghn.types import Score, Space, Trial


def training(name: str, setting: Setting) -> list[Entry]:
    """Full training."""
    trainer = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    return [Entry(f"training, {setting.recipe.epochs} epochs", trainer)]


def low_fidelity(name: str, setting: Setting) -> list[Entry]:
    """Training cut short."""
    return [Entry(f"low fidelity: {setting.fidelity}", make_low_fidelity(setting))]


def make_low_fidelity(setting: Setting) -> LowFidelityEstimator:
    """Makes the estimator that trains a little, with its states in the setting's folder."""
    return LowFidelityEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        fidelity=setting.fidelity,
        folder=setting.folder and setting.folder / "trainings",
        seed=1
        + setting.seed,  # not that of the shipped references: the beginning of a training knows too much of its end
    )


def morphism(name: str, setting: Setting) -> list[Entry]:
    """A short training from inherited weights."""
    heirs = make_morphism(setting)
    return [Entry(f"morphism, {heirs.epochs} epochs", heirs)]


def make_morphism(setting: Setting) -> MorphismEstimator:
    """Makes the estimator that trains heirs of the space's largest network, with its states in the setting's folder."""
    return MorphismEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        ancestor=largest(setting.space),
        epochs=setting.fidelity.epochs or setting.recipe.epochs,
        folder=setting.folder and setting.folder / "heirs",
        seed=1 + setting.seed,  # as in low fidelity
    )


def curve(name: str, setting: Setting) -> list[Entry]:
    """A short training, extrapolated; models that learn do so from finished curves of other networks.

    Raises:
        ConfigError: the model cannot work with so few epochs.
        NothingToLearnError: it learns, and no finished curves fit.
    """
    kind = name.removeprefix("curve_")
    trainer, horizon = make_low_fidelity(setting), setting.recipe.epochs
    epochs = min(trainer.fidelity_of(None).epochs or horizon, horizon - 1)  # all of them: trials say how many

    def new() -> CurveEstimator:
        return CurveEstimator(trainer, make_curve_model(kind), epochs, horizon)

    finished = finished_curves(setting)
    if new().model.needs_finished and not finished:
        raise NothingToLearnError(
            f"estimator={name} learns from finished curves, and none are known of this space, task and recipe",
            got=f"{setting.recipe.epochs} epochs (recipe.epochs)",
            fix="use curve_last, curve_sotl or curve_parametric; in Python: CurveEstimator(..., finished=curves)",
        )
    estimator = CrossFitted(new, setting.space)
    estimator.fit(finished)
    return [Entry(f"curve, {kind}, {epochs} of {horizon} epochs", estimator)]


def finished_curves(setting: Setting) -> list[tuple[Trial[Any], Score]]:
    """Trainings with curves, those given or else shipped; none where they are of another space, task or recipe."""
    table = setting.taught.table if setting.taught else None
    if setting.taught is None and (benchmark := benchmark_of(setting.space)) is not None:
        table = ReferenceTable.load(benchmark.trainings)
    if table is None or table.header.recipe != setting.recipe.describe():
        return []
    try:
        table.check(space=setting.space.name, task_checksum=setting.task.checksum, skeleton=setting.space.describe())
    except DataError:
        return []
    trials = [Trial(text, setting.space.parse(text)) for text in table.archs()]
    return list(zip(trials, TableEstimator(table, setting.space, seed=0).score(trials), strict=True))


def surrogate(name: str, setting: Setting) -> list[Entry]:
    """A regression on known accuracies, cross-fitted.

    Raises:
        NothingToLearnError: fewer are known than are to be given.
    """
    options = dict(setting.surrogate)
    given = options.pop("given")
    history = known_history(setting, given)
    named = set(options["inputs"] or ())  # none: the usual ones, which need nothing more
    model = open_checkpoint(setting, setting.checkpoints[0])[1] if named & {"embedding", "scores"} else None
    training = make_low_fidelity(setting) if "curve" in named else None

    def make() -> SurrogateEstimator:
        return SurrogateEstimator(setting.space, hypernetwork=model, training=training, **options)

    estimator = CrossFitted(make, setting.space)
    estimator.fit(history)
    return [Entry(f"surrogate: {options['model']}, {given} references", estimator)]


def known_history(setting: Setting, given: int) -> list[tuple[Trial[Any], Score]]:
    """Accuracies to learn from: those given, or else of the space's benchmark.

    Raises:
        NothingToLearnError: so many are not known.
    """
    space = setting.space
    if setting.taught is None:
        return published_history(space, given)
    known = list(setting.taught.accuracy.items())
    if given > len(known):
        raise NothingToLearnError("too few trained networks are known to learn from", got=len(known), expected=given)
    return [(Trial(text, space.parse(text)), Score(value)) for text, value in known[:given]]


def published_history(space: Space[Any], given: int) -> list[tuple[Trial[Any], Score]]:
    """What is shipped to learn from: accuracies of the sample to develop with, of the space's benchmark.

    Raises:
        NothingToLearnError: the space has no benchmark, or so many are not known.
    """
    if not given:
        return []
    if (benchmark := benchmark_of(space)) is None:
        raise NothingToLearnError(
            "there are no published networks of this space to learn from",
            got=space.name,
            expected="a space with a benchmark",
        )
    return benchmark.history(given)
