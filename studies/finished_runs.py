"""Finished trainings, opened for a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ghn.app.setting import Setting
from ghn.assets import here_or_shipped
from ghn.errors import ConfigError, DataError
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.model import Model
from ghn.train.loop import LOG


class FinishedRun(NamedTuple):
    """A training.

    Attributes:
        name: of its folder; unique in a report.
        folder: of the run.
        model: what it ended with.
    """

    name: str
    folder: Path
    model: Model

    @property
    def seed(self) -> Any:
        """Of the training; None where the card does not say."""
        return self.model.card.get("trainer", {}).get("seed")


def open_runs(folders: Sequence[str] | str, setting: Setting) -> list[FinishedRun]:
    """Opens finished trainings in the setting's space.

    Raises:
        ConfigError: none, or several of one name.
        DataError: a folder is no finished run.
        CheckpointError: a checkpoint is damaged, or of another space.
    """
    paths = [here_or_shipped(folder) for folder in ([folders] if isinstance(folders, str) else folders)]
    if not paths:
        raise ConfigError("no trainings to look at", fix="runs=[FOLDER,...]: what train_ghn.py out=FOLDER wrote")
    names = [path.resolve().name for path in paths]
    if len(set(names)) < len(names):
        raise ConfigError("runs must differ in the names of their folders", got=[str(path) for path in paths])
    for path in paths:
        missing = [name for name in (LOG, CHECKPOINT) if not (path / name).is_file()]
        if missing:
            state = "has not finished" if missing == [CHECKPOINT] else "is no run of train_ghn.py"
            raise DataError(f"this folder {state}", got=str(path), expected=f"{LOG} and {CHECKPOINT} in it")
    models = [load(path / CHECKPOINT, fabric=setting.fabric, space=setting.space) for path in paths]
    return [FinishedRun(*parts) for parts in zip(names, paths, models, strict=True)]


def few_seeds(runs: Sequence[FinishedRun], least: int = 3) -> list[str]:
    """A warning for each method with fewer seeds than can be trusted."""
    seeds: dict[str, set[Any]] = {}
    for run in runs:
        seeds.setdefault(run.model.method, set()).add(run.seed)
    return [
        f"{method}: {len(own)} seed{'s' * (len(own) > 1)} only; fewer than {least} say little"
        for method, own in seeds.items()
        if len(own) < least
    ]
