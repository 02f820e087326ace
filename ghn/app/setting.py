"""What estimators are made from by name, checkpoints among it, and what a report needs of each."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from ghn.app.user_space import user_space
from ghn.assets import TRAININGS, asset
from ghn.errors import CheckpointError, ConfigError, DataError, NotShippedError, OtherSpaceError, check_known
from ghn.scoring.load import CHECKPOINT, SHIPPED, find_checkpoint, load
from ghn.scoring.model import Model, Skeletons
from ghn.scoring.readouts import READOUTS, Sample
from ghn.spaces import CHECKPOINTS, FunctionSpace, describe_space, make_space
from ghn.tables.references import ReferenceTable
from ghn.tasks import make_task
from ghn.tasks.outputs import count_outputs
from ghn.train.network import Recipe
from ghn.train.rungs import Fidelity
from ghn.train.runtime import make_runtime
from ghn.types import Estimator, Space, Task


@dataclass(frozen=True)
class Entry:
    """An estimator in a report.

    `trainings` are what was trained before the first candidate, and the seconds of each where they are known: what two
    estimators share has one name and is paid once.
    """

    name: str  # in the report, unique there
    estimator: Estimator[Any]
    trainings: Mapping[str, float] = field(default_factory=dict)
    warning: str | None = None  # what a reader must know of it

    @property
    def one_off_seconds(self) -> float | None:
        """Spent before the first candidate; None when unknown, or nothing."""
        return sum(self.trainings.values()) if self.trainings else None


@dataclass(frozen=True, slots=True)
class Taught:
    """Trained networks that estimators learn from, in place of those that are shipped of a space."""

    accuracy: Mapping[str, float]  # by official string
    table: ReferenceTable | None = None  # their learning curves


@dataclass(frozen=True)
class Setting:
    """What estimators are made from; `ghn.app.job_keys.JudgingKeys` says what each is.

    Attributes:
        checkpoints: `shipped`, `shipped-SEED`, paths, or lists of paths that are read together.
        seed: of random weights, and of trainings that estimators make.
        taught: what surrogates, and models of learning curves, learn from; None: what is shipped of the space.
        folder: for what estimators keep, such as states of trainings; None: nothing is kept.
    """

    space: Space[Any]
    task: Task
    fabric: Fabric
    checkpoints: Sequence[str | Sequence[str]] = ("shipped",)
    readouts: Sequence[str] = ("loss",)
    sample: Sample = field(default_factory=Sample)
    recipe: Recipe = field(default_factory=Recipe)
    fidelity: Fidelity = field(default_factory=Fidelity)
    skeletons: Skeletons = ()
    features: str | None = None
    surrogate: Mapping[str, Any] = field(
        default_factory=lambda: {"model": "gaussian_process", "inputs": None, "given": 50}
    )
    seed: int = 0
    ensemble: Mapping[str, Any] = field(
        default_factory=lambda: {"members": ["synflow", "meco", "ghn"], "population": 0}
    )
    taught: Taught | None = None
    folder: Path | None = None

    def __post_init__(self) -> None:
        _check_readouts(self.readouts)


def _check_readouts(names: Sequence[str]) -> None:
    for name in names:
        check_known("read-out", name, READOUTS)


# keys of configs that say what an estimator is made from, and what they are in a setting
OPTIONS: Mapping[str, tuple[str, Callable[[Setting, Any], Any]]] = {
    "checkpoint": ("checkpoints", lambda setting, value: as_list(value)),
    "readout": ("readouts", lambda setting, value: as_list(value)),
    "skeletons": ("skeletons", lambda setting, value: value),
    "features": ("features", lambda setting, value: value),
    "sample": ("sample", lambda setting, changes: replace(setting.sample, **changes)),
    "fidelity": ("fidelity", lambda setting, value: Fidelity(**value)),
    "surrogate": ("surrogate", lambda setting, changes: {**setting.surrogate, **changes}),
    "ensemble": ("ensemble", lambda setting, changes: {**setting.ensemble, **changes}),
}


def build_setting(options: Mapping[str, Any]) -> Setting:
    """Makes task, space and runtime of options; those of estimators that are not given are as `Setting` has them.

    Raises:
        ConfigError: unknown or impossible values.
    """
    fabric = make_runtime(options["device"], options["precision"], options["threads"])
    recipe = Recipe(**options.get("recipe", {}))
    _check_readouts(as_list(options.get("readout", "loss")))  # before any data is looked for
    task = make_task(**options["task"])
    space = task_space(options["space"], task)
    return with_options(Setting(space, task, fabric, recipe=recipe, folder=Path(options["out"])), options)


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


def task_space(settings: Mapping[str, Any], task: Task) -> Space[Any]:
    """Makes a space whose input shape and number of outputs (`classes`) are those of a task.

    Raises:
        ConfigError: unknown space or setting; a `target` that cannot be imported, or is no space.
    """
    if settings["name"] == FunctionSpace.name:
        own = {key: value for key, value in settings.items() if key not in ("name", "target")}
        return user_space(settings.get("target"), own, task)
    return make_space(**{**settings, "input_shape": task.input_shape, "classes": count_outputs(task)})


def as_list(value: Any) -> list[Any]:
    """A list of what a config gives as one or as several."""
    return [value] if isinstance(value, str) else list(value)


def open_checkpoint(setting: Setting, checkpoint: str | Sequence[str], method: str = "ghn") -> tuple[str, Model]:
    """Loads `shipped`, `shipped-SEED`, a path, or several paths read together, with the name that it has in a report.

    `shipped` is the hypernetwork that is shipped for the space, or, of another method, `shipped-1`. `shipped-SEED` are
    the trainings in `checkpoints/trainings`.

    Its weights must have come about by `method`: `ghn`, or a way in which banks are trained.

    Raises:
        CheckpointError: it is damaged, or made for another space or in another way; an OtherSpaceError when what is
            shipped is for another space.
        NotShippedError: none of this kind is shipped, or it is not here.
    """
    if checkpoint == "shipped" and method == "ghn":
        return "GHN shipped", _load_shipped(setting, asset(CHECKPOINTS.get(setting.space.name, SHIPPED)))
    if isinstance(checkpoint, str) and (named := re.fullmatch(r"shipped(?:-(\d+))?", checkpoint)):
        folder = f"{method}_s{named[1] or 1}"
        try:
            path = asset(f"{TRAININGS}/{folder}/{CHECKPOINT}")
        except DataError:
            raise NotShippedError(
                f"there are no such weights here, and estimator={method} needs them",
                got=checkpoint,
                fix=f"train them: ghn train weights={method} out=FOLDER; checkpoint=FOLDER/{CHECKPOINT}; "
                "those of the survey come by `make trainings` in a clone",
            ) from None
        return f"{method} {checkpoint}", _load_shipped(setting, path)
    paths = [find_checkpoint(one) for one in ([checkpoint] if isinstance(checkpoint, str) else checkpoint)]
    names = ["shipped" if path.name == Path(SHIPPED).name else f"{path.parent.name}/{path.stem}" for path in paths]
    model = load(paths, fabric=setting.fabric, space=setting.space)
    if model.method != method:
        raise CheckpointError(
            f"{paths[0]} holds weights of another kind",
            got=model.method,
            expected=method,
            fix=f"estimator={model.method}, or another checkpoint",
        )
    return f"{'GHN' if method == 'ghn' else method} {' + '.join(names)}", model


def _load_shipped(setting: Setting, path: Path) -> Model:
    model = load(path, fabric=setting.fabric)
    if describe_space(model.space) != describe_space(setting.space):
        fix = "choose its space (space=..., space.width=..., space.depth=...), or train one: checkpoint=PATH"
        if (name := setting.space.name) != model.space.name:
            fix = f"train one, ghn train space={name}: checkpoint=PATH; or what needs none, such as estimator=naswot"
        raise OtherSpaceError(
            "what is shipped was trained for another space",
            got=repr(model.space),
            expected=repr(setting.space),
            fix=fix,
        )
    return model
