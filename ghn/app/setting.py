"""What estimators are made from by name, and what a report needs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ghn.errors import ConfigError
from ghn.scoring.model import Skeletons
from ghn.scoring.readouts import READOUTS, Sample
from ghn.spaces import make_space
from ghn.tasks import make_task
from ghn.tasks.images import ImageTask
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.train.runtime import make_runtime
from ghn.types import Estimator, Space


@dataclass(frozen=True)
class Entry:
    """An estimator in a report.

    Attributes:
        name: in the report, unique there.
        estimator: what scores.
        trainings: what was trained before the first candidate, and the seconds of each where they are known: what two
            estimators share has one name and is paid once.
        warning: what a reader must know of it.
    """

    name: str
    estimator: Estimator[Any]
    trainings: Mapping[str, float] = field(default_factory=dict)
    warning: str | None = None

    @property
    def one_off_seconds(self) -> float | None:
        """Spent before the first candidate; None when unknown, or nothing."""
        return sum(self.trainings.values()) if self.trainings else None


@dataclass(frozen=True)
class Setting:
    """What estimators are made from.

    Attributes:
        space: of the candidates.
        task: of the images.
        fabric: the device.
        checkpoints: for `ghn`, `combined` and banks of shared weights: `shipped`, `shipped-SEED`, paths, or lists of
            paths that are read together.
        readouts: for estimators that give weights.
        skeletons: variants of the space in which generated weights are read, as in `Model.score`.
        sample: images that a read-out sees.
        recipe: for `training` and `low_fidelity`.
        fidelity: for `low_fidelity`.
        surrogate: for `surrogate`: its `model` and `inputs`, and how many published references are `given`.
        seed: of random weights, and of trainings that estimators make.
        ensemble: for `ensemble`: names of its `members`, and from how many networks of the space its `population` is
            drawn; 0: the candidates are the population.
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
    skeletons: Skeletons = ()
    surrogate: Mapping[str, Any] = field(
        default_factory=lambda: {"model": "gaussian_process", "inputs": ["summary", "adjacency", "paths"], "given": 50}
    )
    seed: int = 0
    ensemble: Mapping[str, Any] = field(
        default_factory=lambda: {"members": ["synflow", "meco", "ghn"], "population": 0}
    )
    folder: Path | None = None

    def __post_init__(self) -> None:
        if unknown := [readout for readout in self.readouts if readout not in READOUTS]:
            raise ConfigError("unknown read-out", got=unknown[0], expected=" | ".join(READOUTS))


# keys of configs that say what an estimator is made from, and what they are in a setting
OPTIONS: Mapping[str, tuple[str, Callable[[Setting, Any], Any]]] = {
    "checkpoint": ("checkpoints", lambda setting, value: as_list(value)),
    "readout": ("readouts", lambda setting, value: as_list(value)),
    "skeletons": ("skeletons", lambda setting, value: value),
    "sample": ("sample", lambda setting, changes: replace(setting.sample, **changes)),
    "fidelity": ("fidelity", lambda setting, value: Fidelity(**value)),
    "surrogate": ("surrogate", lambda setting, changes: {**setting.surrogate, **changes}),
    "ensemble": ("ensemble", lambda setting, changes: {**setting.ensemble, **changes}),
}


def build_setting(options: Mapping[str, Any]) -> Setting:
    """Makes task, space and runtime of options; those of estimators that are not given are as `Setting` has them.

    Args:
        options: `space`, `task`, `device`, `precision`, `threads`, `out`, and any of `recipe` and `OPTIONS`.

    Raises:
        ConfigError: unknown or impossible values.
    """
    task_options = dict(options["task"])
    task = make_task(task_options.pop("name"), **task_options)
    setting = Setting(
        space=task_space(options["space"], task),
        task=task,
        fabric=make_runtime(options["device"], options["precision"], options["threads"]),
        recipe=Recipe(**options.get("recipe", {})),
        folder=Path(options["out"]),
    )
    return with_options(setting, options)


def with_options(setting: Setting, options: Mapping[str, Any]) -> Setting:
    """The setting with those of `OPTIONS` that are given; other keys are left alone.

    Raises:
        ConfigError: an option has a key that there is not.
    """
    given = {key: how for key, how in OPTIONS.items() if key in options}
    try:
        return replace(setting, **{name: change(setting, options[key]) for key, (name, change) in given.items()})
    except TypeError as error:
        raise ConfigError("options of an estimator do not fit", got=str(error)) from None


def task_space(settings: Mapping[str, Any], task: ImageTask) -> Space[Any]:
    """Makes a space whose input shape and classes are those of a task.

    Raises:
        ConfigError: unknown space or setting.
    """
    options = {**settings, "input_shape": (task.channels, *task.image_size), "classes": task.classes}
    return make_space(str(options.pop("name")), **options)


def as_list(value: Any) -> list[Any]:
    """A list of what a config gives as one or as several."""
    return [value] if isinstance(value, str) else list(value)
