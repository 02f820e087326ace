"""Estimators whose weights nobody trained for one candidate: generated, shared or random; and what combines others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any

from omegaconf import OmegaConf

from ghn.app.estimators import ESTIMATORS, YOUNG, make_entries
from ghn.app.setting import OPTIONS, Entry, Setting, open_checkpoint, with_options
from ghn.errors import ConfigError
from ghn.nets.initial import RandomInit
from ghn.scoring.combined import Ensemble
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.ranker import make_ranker
from ghn.scoring.readouts import Sample
from ghn.scoring.zero_cost import make_zero_cost
from ghn.types import Space


def generated(name: str, setting: Setting) -> list[Entry]:
    """A graph hypernetwork or a bank of shared weights, one entry a checkpoint and read-out.

    A candidate runs on its own batch statistics.
    """
    return [entry for checkpoint in setting.checkpoints for entry in _read(setting, checkpoint, name)]


def combined(name: str, setting: Setting) -> list[Entry]:
    """Generated weights in several variants, a proxy, and size, ranked together; one entry a checkpoint."""
    made = []
    for checkpoint in setting.checkpoints:
        label, model = open_checkpoint(setting, checkpoint)
        estimator = make_ranker(model, task=setting.task, features=setting.features)
        made.append(Entry(f"combined, {label}", estimator, model.trainings(companions=True)))
    return made


def random_init(name: str, setting: Setting) -> list[Entry]:
    """Random weights, one entry a read-out."""
    made = []
    for readout in setting.readouts:
        engine = WeightedEstimator(
            RandomInit(setting.seed, setting.fabric.device),
            setting.space,
            setting.task,
            setting.fabric,
            readout=readout,
            sample=setting.sample,
            weights_id=f"random_init/{setting.seed}",
            source="He et al., Delving Deep into Rectifiers, ICCV 2015",
        )
        made.append(Entry(f"random weights, {readout}", engine))
    return made


def zero_cost(name: str, setting: Setting) -> list[Entry]:
    """A zero-cost proxy of one minibatch, or what counts."""
    of_activations = ZERO_COST[name].of_activations  # on the sample's own images, in the space's own variant
    how: dict[str, Any] = {"sample": setting.sample}
    if not of_activations:
        variants = () if isinstance(setting.skeletons, str) else setting.skeletons  # best and fastest are of weights
        how = {"sample": Sample(zero_cost=setting.sample.zero_cost, seed=setting.sample.seed), "skeletons": variants}
    engine = make_zero_cost(name, setting.space, setting.task, setting.fabric, seed=setting.seed, **how)
    return [Entry(f"{name}, random weights" if of_activations else name, engine)]


def _read(setting: Setting, checkpoint: str | Sequence[str], method: str) -> list[Entry]:
    label, model = open_checkpoint(setting, checkpoint, method)
    step, warning = model.card.get("step"), None
    # one that goes on from another is as good after some hundred steps (docs/training.md)
    young = isinstance(step, int) and step < YOUNG and model.card.get("started_from") is None
    if method == "ghn" and young:
        warning = (
            f"{label} was trained for {step} steps only: hypernetworks that young can order candidates badly, "
            "worse than their size does"
        )
    made = []
    for readout in setting.readouts:
        engine = model.estimator(readout, task=setting.task, sample=setting.sample, skeletons=setting.skeletons)
        variants = _varied(engine.spaces) if isinstance(setting.skeletons, str) else setting.skeletons
        shown = "".join(f", {','.join(f'{k} {v}' for k, v in variant.items())}" for variant in variants)
        made.append(Entry(f"{label}, {readout}{shown}", engine, model.trainings(), warning))
    return made


def _varied(spaces: Sequence[Space[Any]]) -> list[dict[str, Any]]:
    """The settings in which spaces differ, of each; none for one space alone."""
    every = [space.describe() for space in spaces]
    keys = [key for key in every[0] if any(one[key] != every[0][key] for one in every)]
    return [{key: one[key] for key in keys} for one in every] if keys else []


def preset(name: str, setting: Setting) -> list[Entry]:
    """An ensemble whose members are known to go well together."""
    presets: Any = OmegaConf.to_container(
        OmegaConf.create(files("ghn.app.conf").joinpath("ensembles.yaml").read_text())
    )
    return ensemble(name, replace(setting, ensemble={**setting.ensemble, "members": presets[name]}))


def ensemble(name: str, setting: Setting) -> list[Entry]:
    """The mean normal score of other estimators: of their names, or `{name: NAME, OPTION: VALUE, ...}`."""
    made: dict[str, Entry] = {}
    for one, own in _members(setting):
        for entry in make_entries(one, with_options(setting, own)):
            count = sum(key.rstrip("0123456789") == one for key in made)
            made[f"{one}{count + 1}" if count else one] = entry
    estimator = Ensemble(setting.space, {name: entry.estimator for name, entry in made.items()})
    if networks := setting.ensemble["population"]:  # then scores do not depend on each other: searches need that
        estimator = estimator.settled(networks)
    trainings = {name: seconds for entry in made.values() for name, seconds in entry.trainings.items()}
    warnings = " ".join(dict.fromkeys(entry.warning for entry in made.values() if entry.warning))
    return [Entry(f"ensemble: {' + '.join(made)}", estimator, trainings, warnings or None)]


def _members(setting: Setting) -> list[tuple[str, dict[str, Any]]]:
    """Name and own options of each member."""
    wanted = list(setting.ensemble["members"])
    members = [(one, {}) if isinstance(one, str) else (one.get("name"), dict(one)) for one in wanted]
    names = [name for name, _ in members]
    inner = [name for name, named in ESTIMATORS.items() if named.place in ("weighted:ensemble", "weighted:preset")]
    unknown = {key for _, own in members for key in own} - {"name", *OPTIONS}
    twice = any(one in wanted[:i] for i, one in enumerate(wanted))
    if len(names) < 2 or set(inner) & set(names) or twice or unknown:
        raise ConfigError(
            "an ensemble combines other estimators",
            got=wanted,
            expected="at least two different names, or {name: NAME, OPTION: VALUE}, of: "
            + " | ".join(name for name in ESTIMATORS if name not in inner)
            + f"; options: {' | '.join(OPTIONS)}",
        )
    return members
