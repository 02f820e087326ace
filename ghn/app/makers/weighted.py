"""Estimators that run networks with weights that nobody trained for them alone: generated, shared or random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ghn.app.checkpoints import open_checkpoint
from ghn.app.estimators import YOUNG
from ghn.app.setting import Entry, Setting
from ghn.nets.initial import RandomInit
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.model import make_ranker
from ghn.scoring.proxies import ZERO_COST
from ghn.scoring.zero_cost import make_zero_cost
from ghn.types import Space


def generated(name: str, setting: Setting) -> list[Entry]:
    """A graph hypernetwork, one entry a checkpoint and read-out."""
    return [entry for checkpoint in setting.checkpoints for entry in _read(setting, checkpoint, "ghn")]


def shared(name: str, setting: Setting) -> list[Entry]:
    """A bank of shared weights; a candidate runs on its own batch statistics."""
    return [entry for checkpoint in setting.checkpoints for entry in _read(setting, checkpoint, name)]


def combined(name: str, setting: Setting) -> list[Entry]:
    """Generated weights in several variants, a proxy, and size, ranked together; one entry a checkpoint."""
    made = []
    for checkpoint in setting.checkpoints:
        label, model = open_checkpoint(setting, checkpoint)
        estimator = make_ranker(model, task=setting.task)
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
        how = {"batch": setting.sample.zero_cost, "skeletons": variants}
    engine = make_zero_cost(name, setting.space, setting.task, setting.fabric, seed=setting.seed, **how)
    return [Entry(f"{name}, random weights" if of_activations else name, engine)]


def _read(setting: Setting, checkpoint: str | Sequence[str], method: str) -> list[Entry]:
    label, model = open_checkpoint(setting, checkpoint, method)
    step, warning = model.card.get("step"), None
    if method == "ghn" and isinstance(step, int) and step < YOUNG:
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
