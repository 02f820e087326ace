"""Makers of the estimators that train a little or learn from trained networks.

Estimators by name, as configs give them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghn.app.setting import OPTIONS, Entry, Maker, Setting, open_checkpoint, with_options
from ghn.errors import ConfigError, DataError, OtherSpaceError
from ghn.families.curves.estimator import CURVE_MODELS, CurveEstimator, make_curve_model
from ghn.families.morphism.estimator import MorphismEstimator, largest
from ghn.families.sharing.bank import SOURCES
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.families.training.full import TrainingEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator
from ghn.nets.initial import RandomInit
from ghn.scoring.crossfit import CrossFitted
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.ensemble import Ensemble
from ghn.scoring.proxies.registry import ZERO_COST
from ghn.scoring.ranker import make_ranker
from ghn.scoring.readouts import READOUTS
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces.candidates import benchmark_of
from ghn.tables.lookup import TableEstimator
from ghn.tables.references import ReferenceTable
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
    """Published accuracies to learn from, of the space's benchmark.

    Raises:
        OtherSpaceError: the space has none.
        ConfigError: more than there are.
    """
    if (benchmark := benchmark_of(space)) is None:
        raise OtherSpaceError(
            "there are no published networks of this space to learn from",
            got=space.name,
            expected="a space with a benchmark",
        )
    return benchmark.history(given)


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


# --- Estimators by name, as configs give them ---

YOUNG = 2000  # steps below which a hypernetwork orders worse than size does; Source: docs/log.md, 2026-11-24


def make_entries(name: str, setting: Setting) -> list[Entry]:
    """Makes the estimators that a name stands for, one a checkpoint and read-out.

    Raises:
        ConfigError: unknown name or read-out.
        CheckpointError: a checkpoint is damaged, or made for another space or kind of data.
    """
    if name not in ESTIMATORS:
        raise ConfigError("unknown estimator", got=name, expected=" | ".join(ESTIMATORS))
    if unknown := [r for r in setting.readouts if r not in READOUTS]:
        raise ConfigError("unknown read-out", got=unknown[0], expected=" | ".join(READOUTS))
    return ESTIMATORS[name](setting)


def _random_init(setting: Setting, readout: str) -> Entry:
    weights = RandomInit(setting.seed, setting.fabric.device)
    engine = WeightedEstimator(
        weights,
        setting.space,
        setting.task,
        setting.fabric,
        readout=readout,
        sample=setting.sample,
        weights_id=f"random_init/{setting.seed}",
        source="He et al., Delving Deep into Rectifiers, ICCV 2015",
    )
    return Entry(f"random weights, {readout}", engine, engine.identity)


def _zero_cost(name: str) -> Maker:
    def make(setting: Setting) -> list[Entry]:
        of_activations = ZERO_COST[name].of_activations  # on the sample's own images, in the space's own variant
        how: dict[str, Any] = {"sample": setting.sample}
        if not of_activations:
            how = {"batch": setting.sample.zero_cost, "skeletons": setting.skeletons}
        engine = make_zero_cost(name, setting.space, setting.task, setting.fabric, seed=setting.seed, **how)
        return [Entry(f"{name}, random weights" if of_activations else name, engine, engine.identity)]

    return make


def _combined(setting: Setting, checkpoint: str | Sequence[str]) -> Entry:
    label, model = open_checkpoint(setting, checkpoint)
    ranker = make_ranker(model, task=setting.task)
    return Entry(f"combined, {label}", ranker, ranker.identity, model.trainings(companions=True))


def _ensemble(setting: Setting) -> list[Entry]:
    """The mean normal score of other estimators: of their names, or `{name: NAME, OPTION: VALUE, ...}`."""
    wanted, networks = list(setting.ensemble["members"]), setting.ensemble["population"]
    members = [(one, {}) if isinstance(one, str) else (one.get("name"), dict(one)) for one in wanted]
    names = [name for name, _ in members]
    unknown = {key for _, own in members for key in own} - {"name", *OPTIONS}
    if len(names) < 2 or "ensemble" in names or any(one in wanted[:i] for i, one in enumerate(wanted)) or unknown:
        raise ConfigError(
            "an ensemble combines other estimators",
            got=wanted,
            expected="at least two different names, or {name: NAME, OPTION: VALUE}, of: "
            + " | ".join(name for name in ESTIMATORS if name != "ensemble")
            + f"; options: {' | '.join(OPTIONS)}",
        )
    made: dict[str, Entry] = {}
    for name, own in members:
        for entry in make_entries(name, with_options(setting, own)):
            count = sum(key.rstrip("0123456789") == name for key in made)
            made[f"{name}{count + 1}" if count else name] = entry
    parts = {name: entry.estimator for name, entry in made.items()}
    ensemble = Ensemble(setting.space, parts)
    if networks:  # then a candidate's score does not depend on the others: searches need that
        ensemble = ensemble.settled(networks)
    identity = ensemble.identity | {"members": {name: entry.identity for name, entry in made.items()}}
    trainings = {name: seconds for entry in made.values() for name, seconds in entry.trainings.items()}
    warnings = " ".join(dict.fromkeys(entry.warning for entry in made.values() if entry.warning))
    return [Entry(f"ensemble: {' + '.join(made)}", ensemble, identity, trainings, warnings or None)]


def _ghn(setting: Setting, checkpoint: str | Sequence[str]) -> list[Entry]:
    label, model = open_checkpoint(setting, checkpoint)
    step = model.card.get("step")
    warning = None
    if isinstance(step, int) and step < YOUNG:
        warning = (
            f"{label} was trained for {step} steps only: hypernetworks that young can order candidates badly, "
            "worse than their size does"
        )
    entries = []
    for readout in setting.readouts:
        engine = model.estimator(readout, task=setting.task, sample=setting.sample, skeletons=setting.skeletons)
        entries.append(
            Entry(f"{label}, {readout}{skeletons_label(setting)}", engine, engine.identity, model.trainings(), warning)
        )
    return entries


ESTIMATORS: dict[str, Maker] = {
    "ghn": lambda setting: [entry for checkpoint in setting.checkpoints for entry in _ghn(setting, checkpoint)],
    "combined": lambda setting: [_combined(setting, checkpoint) for checkpoint in setting.checkpoints],
    "ensemble": _ensemble,
    **{name: _zero_cost(name) for name in ZERO_COST},
    "random_init": lambda setting: [_random_init(setting, readout) for readout in setting.readouts],
    **{method: shared_weights(method) for method in SOURCES},
    "low_fidelity": low_fidelity,
    "morphism": morphism,
    "surrogate": surrogate,
    **{f"curve_{name}": curve(name) for name in CURVE_MODELS},
    "training": training,
}
