"""Estimators by name, as configs give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError
from ghn.estimators.crossfit import CrossFitted
from ghn.estimators.low_fidelity import LowFidelityEstimator
from ghn.estimators.model import SHIPPED, Model, load
from ghn.estimators.proxies import PROXIES
from ghn.estimators.ranker import make_ranker, zero_cost
from ghn.estimators.readouts import READOUTS, Sample
from ghn.estimators.rungs import Fidelity
from ghn.estimators.samples import load_sample
from ghn.estimators.sgd import TrainingEstimator
from ghn.estimators.surrogates import SurrogateEstimator
from ghn.estimators.weighted import WeightedEstimator
from ghn.nets.initial import RandomInit
from ghn.spaces import make_space
from ghn.tasks.images import ImageTask
from ghn.train.loop import Recipe
from ghn.types import Estimator, Score, Space, Trial

YOUNG = 2000  # steps below which a hypernetwork orders worse than size does; Source: docs/log.md, 2026-11-24


@dataclass(frozen=True)
class Entry:
    """An estimator in a report.

    Attributes:
        name: in the report, unique there.
        estimator: what scores.
        identity: what its scores depend on, JSON-able.
        one_off_seconds: spent before the first candidate; None when unknown.
        warning: what a reader must know of it.
    """

    name: str
    estimator: Estimator[Any]
    identity: dict[str, Any]
    one_off_seconds: float | None = None
    warning: str | None = None


@dataclass(frozen=True)
class Setting:
    """What estimators are made from.

    Attributes:
        space: of the candidates.
        task: of the images.
        fabric: the device.
        checkpoints: for `ghn` and `combined`: `shipped`, paths, or lists of paths that are read together.
        readouts: for estimators that give weights.
        sample: images that a read-out sees.
        recipe: for `training` and `low_fidelity`.
        fidelity: for `low_fidelity`.
        surrogate: for `surrogate`: its `model` and `inputs`, and how many published references are `given`.
        folder: for what estimators keep, such as states of trainings; None: nothing is kept.
    """

    space: Space[Any]
    task: ImageTask
    fabric: Fabric
    checkpoints: Sequence[str | Sequence[str]] = ("shipped",)
    readouts: Sequence[str] = ("loss",)
    sample: Sample = field(default_factory=Sample)
    recipe: Recipe = field(default_factory=Recipe)
    fidelity: Fidelity = field(default_factory=Fidelity)
    surrogate: Mapping[str, Any] = field(
        default_factory=lambda: {"model": "gaussian_process", "inputs": ["summary", "adjacency", "paths"], "given": 50}
    )
    folder: Path | None = None


Maker = Callable[[Setting], list[Entry]]


def task_space(settings: Mapping[str, Any], task: ImageTask) -> Space[Any]:
    """Makes a space whose input shape and classes are those of a task.

    Raises:
        ConfigError: unknown space or setting.
    """
    options = {**settings, "input_shape": (task.channels, *task.image_size), "classes": task.classes}
    return make_space(str(options.pop("name")), **options)


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


def open_checkpoint(setting: Setting, checkpoint: str | Sequence[str]) -> tuple[str, Model]:
    """Loads `shipped`, a path, or several paths read together, with the name that it has in a report.

    Raises:
        CheckpointError: it is damaged, or made for another space.
    """
    if checkpoint == "shipped":
        return "GHN shipped", load(fabric=setting.fabric, space=setting.space)
    paths = [Path(one) for one in ([checkpoint] if isinstance(checkpoint, str) else checkpoint)]
    names = ["shipped" if path.name == Path(SHIPPED).name else f"{path.parent.name}/{path.stem}" for path in paths]
    return f"GHN {' + '.join(names)}", load(paths, fabric=setting.fabric, space=setting.space)


def _training(setting: Setting) -> list[Entry]:
    trainer = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    return [Entry(f"training, {setting.recipe.epochs} epochs", trainer, trainer.identity)]


def low_fidelity(setting: Setting) -> LowFidelityEstimator:
    """Makes the estimator that trains a little, with its states in the setting's folder."""
    return LowFidelityEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        fidelity=setting.fidelity,
        folder=setting.folder and setting.folder / "trainings",
        seed=1,  # not that of the shipped references: the beginning of a training knows too much of its own end
    )


def _low_fidelity(setting: Setting) -> list[Entry]:
    trainer = low_fidelity(setting)
    return [Entry(f"low fidelity: {setting.fidelity}", trainer, trainer.identity)]


def published_history(space: Space[Any], given: int) -> list[tuple[Trial[Any], Score]]:
    """The first networks of the development sample that were drawn uniformly, with their published accuracies.

    Raises:
        ConfigError: more than there are.
    """
    sample = load_sample("development")
    texts = sample.archs("random", "embedded-random")
    if not 0 <= given <= len(texts):
        raise ConfigError(
            "the development sample has no such number of networks", got=given, expected=f"<= {len(texts)}"
        )
    return [(Trial(text, space.parse(text)), Score(sample.accuracy[text])) for text in texts[:given]]


def _surrogate(setting: Setting) -> list[Entry]:
    options = dict(setting.surrogate)
    given = options.pop("given")
    needs = {"embedding", "scores"} & set(options["inputs"])
    model = open_checkpoint(setting, setting.checkpoints[0])[1] if needs else None
    training = low_fidelity(setting) if "curve" in options["inputs"] else None

    def make() -> SurrogateEstimator:
        return SurrogateEstimator(setting.space, hypernetwork=model, training=training, **options)

    estimator = CrossFitted(make, setting.space)
    estimator.fit(published_history(setting.space, given))
    weights = None if model is None else model.digest
    identity = {**make().identity, "given": given, "weights": weights}
    return [Entry(f"surrogate: {options['model']}, {given} references", estimator, identity)]


def _random_init(setting: Setting, readout: str) -> Entry:
    weights = RandomInit(0, setting.fabric.device)
    engine = WeightedEstimator(
        weights,
        setting.space,
        setting.task,
        setting.fabric,
        readout=readout,
        sample=setting.sample,
        weights_id="random_init/0",
        source="He et al., Delving Deep into Rectifiers, ICCV 2015",
    )
    return Entry(f"random weights, {readout}", engine, engine.identity)


def _proxy(name: str) -> Maker:
    def make(setting: Setting) -> list[Entry]:
        engine = zero_cost(setting.space, setting.task, setting.fabric, name, setting.sample)
        return [Entry(f"{name}, random weights", engine, engine.identity)]

    return make


def _combined(setting: Setting, checkpoint: str | Sequence[str]) -> Entry:
    label, model = open_checkpoint(setting, checkpoint)
    ranker = make_ranker(model, task=setting.task)
    return Entry(f"combined, {label}", ranker, ranker.identity, model.training_seconds)


def _ghn(setting: Setting, checkpoint: str | Sequence[str]) -> list[Entry]:
    label, model = open_checkpoint(setting, checkpoint)
    seconds, step = model.card.get("seconds"), model.card.get("step")  # of the first alone: `rank` reads companions
    warning = None
    if isinstance(step, int) and step < YOUNG:
        warning = (
            f"{label} was trained for {step} steps only: hypernetworks that young can order candidates badly, "
            "worse than their size does"
        )
    entries = []
    for readout in setting.readouts:
        engine = model.estimator(readout, task=setting.task, sample=setting.sample)
        entries.append(Entry(f"{label}, {readout}", engine, engine.identity, seconds, warning))
    return entries


ESTIMATORS: dict[str, Maker] = {
    "ghn": lambda setting: [entry for checkpoint in setting.checkpoints for entry in _ghn(setting, checkpoint)],
    "combined": lambda setting: [_combined(setting, checkpoint) for checkpoint in setting.checkpoints],
    **{name: _proxy(name) for name in PROXIES},
    "random_init": lambda setting: [_random_init(setting, readout) for readout in setting.readouts],
    "low_fidelity": _low_fidelity,
    "surrogate": _surrogate,
    "training": _training,
}
