"""Makers of the estimators that train a little or learn from trained networks."""

from __future__ import annotations

from typing import Any

from ghn.assets import asset
from ghn.errors import ConfigError, DataError, OtherSpaceError
from ghn.estimators.candidates import EMBEDDED, SAMPLED
from ghn.estimators.crossfit import CrossFitted
from ghn.estimators.curves import CurveEstimator, make_curve_model
from ghn.estimators.lineage import largest
from ghn.estimators.low_fidelity import LowFidelityEstimator
from ghn.estimators.morphism import MorphismEstimator
from ghn.estimators.references import ReferenceTable
from ghn.estimators.samples import load_sample
from ghn.estimators.setting import Entry, Maker, Setting, open_checkpoint
from ghn.estimators.sgd import TrainingEstimator
from ghn.estimators.surrogates import SurrogateEstimator
from ghn.estimators.table import TableEstimator
from ghn.types import Score, Space, Trial


def training(setting: Setting) -> list[Entry]:
    """Full training."""
    trainer = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    return [Entry(f"training, {setting.recipe.epochs} epochs", trainer, trainer.identity)]


def shared_weights(method: str) -> Maker:
    """A bank of shared weights; a candidate runs on its own batch statistics."""

    def make(setting: Setting) -> list[Entry]:
        entries = []
        for checkpoint in setting.checkpoints:
            label, model = open_checkpoint(setting, checkpoint, method)
            for readout in setting.readouts:
                engine = model.estimator(readout, task=setting.task, sample=setting.sample, skeletons=setting.skeletons)
                name = f"{label}, {readout}{skeletons_label(setting)}"
                entries.append(Entry(name, engine, engine.identity, model.trainings()))
        return entries

    return make


def skeletons_label(setting: Setting) -> str:
    """The skeletons of a setting as they stand behind a name in a report."""
    return "".join(f", {','.join(f'{k} {v}' for k, v in skeleton.items())}" for skeleton in setting.skeletons)


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


def low_fidelity(setting: Setting) -> list[Entry]:
    """Training cut short."""
    trainer = make_low_fidelity(setting)
    return [Entry(f"low fidelity: {setting.fidelity}", trainer, trainer.identity)]


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


def morphism(setting: Setting) -> list[Entry]:
    """A short training from inherited weights."""
    heirs = make_morphism(setting)
    return [Entry(f"morphism, {heirs.epochs} epochs", heirs, heirs.identity)]


def published_history(space: Space[Any], given: int) -> list[tuple[Trial[Any], Score]]:
    """The first networks of the development sample that were drawn uniformly, with their published accuracies.

    Raises:
        OtherSpaceError: they are of NAS-Bench-201.
        ConfigError: more than there are.
    """
    if space.name != SAMPLED:
        raise OtherSpaceError(
            "the published networks to learn from are of another space", got=SAMPLED, expected=space.name
        )
    sample = load_sample("development")
    texts = sample.archs("random", "embedded-random")
    if not 0 <= given <= len(texts):
        raise ConfigError(
            "the development sample has no such number of networks", got=given, expected=f"<= {len(texts)}"
        )
    return [(Trial(text, space.parse(text)), Score(sample.accuracy[text])) for text in texts[:given]]


def surrogate(setting: Setting) -> list[Entry]:
    """A regression on published accuracies, cross-fitted."""
    options = dict(setting.surrogate)
    given = options.pop("given")
    history = published_history(setting.space, given)
    needs = {"embedding", "scores"} & set(options["inputs"])
    model = open_checkpoint(setting, setting.checkpoints[0])[1] if needs else None
    training = make_low_fidelity(setting) if "curve" in options["inputs"] else None

    def make() -> SurrogateEstimator:
        return SurrogateEstimator(setting.space, hypernetwork=model, training=training, **options)

    estimator = CrossFitted(make, setting.space)
    estimator.fit(history)
    weights = None if model is None else model.digest
    identity = {**make().identity, "given": given, "weights": weights}
    return [Entry(f"surrogate: {options['model']}, {given} references", estimator, identity)]


def curve(name: str) -> Maker:
    """A short training, extrapolated by a model of learning curves; those that learn do so from the shipped curves."""

    def make(setting: Setting) -> list[Entry]:
        trainer, horizon = make_low_fidelity(setting), setting.recipe.epochs
        epochs = min(trainer.fidelity_of(None).epochs or horizon, horizon - 1)  # all of them: trials say how many

        def new() -> CurveEstimator:
            return CurveEstimator(trainer, make_curve_model(name), epochs, horizon)

        estimator = CrossFitted(new, setting.space)
        estimator.fit(finished_curves(setting))
        return [Entry(f"curve, {name}, {epochs} of {horizon} epochs", estimator, new().identity)]

    return make


def finished_curves(setting: Setting) -> list[tuple[Trial[Any], Score]]:
    """The shipped trainings with their curves; none where they are of another space, task or recipe."""
    table = ReferenceTable.load(asset(EMBEDDED))
    try:
        table.check(space=setting.space.name, task_checksum=setting.task.checksum, skeleton=setting.space.describe())
    except DataError:
        return []
    if table.header.recipe != setting.recipe.describe():
        return []
    trials = [Trial(text, setting.space.parse(text)) for text in table.archs()]
    return list(zip(trials, TableEstimator(table, setting.space, seed=0).score(trials), strict=True))
