"""Estimators by name, as configs give them."""

from __future__ import annotations

from collections.abc import Sequence

from ghn.errors import ConfigError
from ghn.estimators.combined import CombinedEstimator
from ghn.estimators.curves import CURVE_MODELS
from ghn.estimators.learners import (
    curve,
    low_fidelity,
    morphism,
    shared_weights,
    skeletons_label,
    surrogate,
    training,
)
from ghn.estimators.population import Population
from ghn.estimators.proxies import PROXIES
from ghn.estimators.ranker import make_ranker, read_usual, zero_cost
from ghn.estimators.readouts import READOUTS
from ghn.estimators.setting import OPTIONS, Entry, Maker, Setting, open_checkpoint, task_space, with_options
from ghn.estimators.weighted import WeightedEstimator
from ghn.estimators.zerocost import ZERO_COST
from ghn.estimators.zerocost.estimator import make_zero_cost
from ghn.nets.bank import SOURCES
from ghn.nets.initial import RandomInit

YOUNG = 2000  # steps below which a hypernetwork orders worse than size does; Source: docs/log.md, 2026-11-24


def make_entries(name: str, setting: Setting) -> list[Entry]:
    """Makes the estimators that a name stands for, one a checkpoint and read-out.

    Raises:
        ConfigError: unknown name or read-out.
        CheckpointError: a checkpoint is damaged, or made for another space or kind of data.
    """
    if name not in ESTIMATORS:
        raise ConfigError("unknown estimator", got=name, expected=" | ".join(ESTIMATORS))
    readouts = (*READOUTS, *ZERO_COST)
    if unknown := [r for r in setting.readouts if r not in readouts]:
        raise ConfigError("unknown read-out", got=unknown[0], expected=" | ".join(readouts))
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


def _proxy(name: str) -> Maker:
    def make(setting: Setting) -> list[Entry]:
        engine = zero_cost(setting.space, setting.task, setting.fabric, name, setting.sample, setting.seed)
        return [Entry(f"{name}, random weights", engine, engine.identity)]

    return make


def _zero_cost(name: str) -> Maker:
    def make(setting: Setting) -> list[Entry]:
        engine = make_zero_cost(
            name,
            setting.space,
            setting.task,
            setting.fabric,
            seed=setting.seed,
            batch=setting.sample.zero_cost,
            skeletons=setting.skeletons,
        )
        return [Entry(name, engine, engine.identity)]

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
    ensemble = CombinedEstimator(setting.space, parts, {f"{name}/value": 1.0 for name in made}, fixed=False)
    if networks:  # then a candidate's score does not depend on the others: searches need that
        ensemble.population = Population.of(read_usual(ensemble, networks))
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
    **{name: _proxy(name) for name in PROXIES},
    **{name: _zero_cost(name) for name in ZERO_COST},
    "random_init": lambda setting: [_random_init(setting, readout) for readout in setting.readouts],
    **{method: shared_weights(method) for method in SOURCES},
    "low_fidelity": low_fidelity,
    "morphism": morphism,
    "surrogate": surrogate,
    **{f"curve_{name}": curve(name) for name in CURVE_MODELS},
    "training": training,
}

__all__ = ["ESTIMATORS", "YOUNG", "Entry", "Setting", "make_entries", "open_checkpoint", "task_space"]
