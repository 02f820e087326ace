"""What estimators are made from by name, and what a report needs of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ghn.estimators.model import SHIPPED, Model, load
from ghn.estimators.readouts import Sample
from ghn.estimators.rungs import Fidelity
from ghn.spaces import make_space
from ghn.tasks.images import ImageTask
from ghn.train.loop import Recipe
from ghn.types import Estimator, Space


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
        skeletons: for `ghn`: a reading is the mean over them, such as `{"depth": 3}`; none: the space as it is.
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
    skeletons: Sequence[Mapping[str, Any]] = ()
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
