"""Snapshots of trainings: where they lie, how they score the same networks, and how the order settles over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ghn.analysis.stability import Stability, measure_stability
from ghn.app.setting import Setting
from ghn.assets import TRAININGS, here_or_shipped
from ghn.errors import ConfigError, DataError
from ghn.nets.net import KINDS
from ghn.scoring.load import CHECKPOINT, load
from ghn.scoring.model import Model
from ghn.scoring.score_files import score_to_file
from ghn.spaces import describe_space
from ghn.train.checkpoint import load_tensors
from ghn.types import Space, Trial

Values = NDArray[np.float64]


def snapshots_of(runs: Sequence[str], least: int = 1) -> dict[str, list[Path]]:
    """Name of the folder -> snapshots of each training, by step.

    Raises:
        DataError: a folder holds none.
        ConfigError: fewer than `least`, or folders of one name.
    """
    found = {Path(run).name: snapshots_in(run) for run in runs}
    if len(found) < len(runs):
        raise ConfigError("runs must differ in the names of their folders", got=list(runs))
    if any(len(paths) < least for paths in found.values()):
        counts = {name: len(paths) for name, paths in found.items()}
        raise ConfigError("survey.runs must be folders with several snapshots each", got=counts)
    return found


def snapshots_in(run: str | Path) -> list[Path]:
    """The snapshots in a training's folder, by step.

    Raises:
        DataError: there are none.
    """
    if not (found := _in(run)):
        raise DataError(
            "the folder holds no snapshots of a training",
            got=str(run),
            expected="checkpoint-STEP.safetensors",
            fix=f"train with snapshots=true ({CHECKPOINT} alone is the end, not the way)",
        )
    return [found[step] for step in sorted(found)]


def _in(run: str | Path) -> dict[int, Path]:
    """Step -> snapshot."""
    return {int(path.stem.partition("-")[2]): path for path in here_or_shipped(run).glob("checkpoint-*.safetensors")}


def score_snapshots(
    paths: Sequence[Path], trials: Sequence[Trial[Any]], setting: Setting, folder: Path, *, progress: bool
) -> list[tuple[Model, Values]]:
    """Scores networks with snapshots, under the setting's first read-out, into files that a second call goes on with.

    Returns:
        Each snapshot and its scores, [n], NaN where it failed.
    """
    found = []
    for path in paths:
        model = load(path, fabric=setting.fabric, space=setting.space)
        engine = model.estimator(
            setting.readouts[0], task=setting.task, sample=setting.sample, skeletons=setting.skeletons
        )
        label = f"{path.parent.name} {path.stem}"
        file = folder / f"{label.replace(' ', '_').replace(',', '')}.jsonl"
        scores = score_to_file(engine, trials, file, engine.identity, progress=progress, label=label)
        found.append((model, np.array([score.value for score in scores])))
    return found


def divide_by_presence(runs: Sequence[str]) -> tuple[list[str], list[str]]:
    """The folders of trainings that are to be read, and the names of those that are shipped apart and are not here."""
    absent = [run for run in runs if Path(run).parent == Path(TRAININGS) and not _in(run)]
    return [run for run in runs if run not in absent], [Path(run).name for run in absent]


def divide_by_space(runs: Mapping[str, list[Path]], space: Space[Any]) -> tuple[dict[str, list[Path]], list[str]]:
    """The trainings of this space, and the names of those of another."""
    wanted = describe_space(space)
    own = {name for name, paths in runs.items() if load_tensors(paths[0], *KINDS)[1]["card"]["space"] == wanted}
    return {name: paths for name, paths in runs.items() if name in own}, [name for name in runs if name not in own]


def stability_of_trainings(
    runs: dict[str, list[Path]],
    setting: Setting,
    archs: Sequence[str],
    folder: Path,
    notes: list[str],
    *,
    bootstrap: int,
    progress: bool,
) -> tuple[Stability, ...]:
    """Scores networks with every snapshot, and measures how their order settles; a run that cannot be is noted."""
    trials, out = [Trial(arch, setting.space.parse(arch)) for arch in archs], list[Stability]()
    for name, paths in runs.items():
        scored = score_snapshots(paths, trials, setting, folder, progress=progress)
        try:
            found = measure_stability(
                {float(model.card["step"]): values for model, values in scored},
                etas=(),
                bootstrap=bootstrap,
                name=f"scores of the snapshots of {name} ({scored[0][0].method})",
                fidelity_name="steps",
            )
        except (DataError, ConfigError) as error:
            notes.append(f"No stability of {name}: {error}")
            continue
        out.append(found)
    return tuple(out)
