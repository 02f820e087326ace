"""How the order changes over the snapshots of a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ghn.errors import ConfigError, DataError
from ghn.estimators.loading import load
from ghn.estimators.registry import Setting
from ghn.report.runs.snapshots import Judge, snapshots_of
from ghn.report.stability.measure import measure_stability
from ghn.report.stability.model import Stability
from ghn.spaces import describe_space
from ghn.types import Space


def find_snapshots(runs: Sequence[str]) -> dict[str, list[Path]]:
    """Name of the folder -> snapshots of each training, by step.

    Raises:
        DataError: a folder holds none.
        ConfigError: fewer than two snapshots, or folders of one name.
    """
    found = snapshots_of(runs)
    if any(len(paths) < 2 for paths in found.values()):
        raise ConfigError(
            "survey.runs must be folders with several snapshots each",
            got={name: len(paths) for name, paths in found.items()},
        )
    return found


def divide_by_space(runs: Mapping[str, list[Path]], space: Space[Any]) -> tuple[dict[str, list[Path]], list[str]]:
    """The trainings of this space, and the names of those of another."""
    own = {name for name, paths in runs.items() if describe_space(load(paths[0]).space) == describe_space(space)}
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
    """Scores networks with every snapshot, and measures how their order settles.

    Args:
        runs: of `find_snapshots`.
        setting: task, sample and read-out.
        archs: official strings of the networks.
        folder: for the scores.
        notes: one is added for each run that cannot be measured.
        bootstrap: resamples behind the intervals.
        progress: whether to show bars.
    """
    judge, out = Judge(setting, archs, (), folder, progress=progress), []
    for name, paths in runs.items():
        scored = judge.run(paths)
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
