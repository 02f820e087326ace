"""job=references: trains candidates in full, into a table."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import Any

from ghn.app.engines import make_workers
from ghn.app.job_keys import ReferencesKeys
from ghn.app.jobs import check_new
from ghn.app.setting import Setting, build_setting
from ghn.assets import here_or_shipped
from ghn.errors import ConfigError
from ghn.families.training.full import TrainingEstimator
from ghn.search.references import make_training_judge, train_references
from ghn.search.workers import Judge
from ghn.spaces.lists import read_architectures
from ghn.spaces.members import draw_new
from ghn.types import Space


def references_job(setting: Setting, keys: ReferencesKeys) -> None:
    """Trains candidates into `references.jsonl`.

    Raises:
        DataError: `archs` is no list of architectures; an ArchitectureError: they are not of the space.
        ConfigError: nothing to train, or more networks than the space has.
        ExistsError: there are references already, and `resume` is false.
    """
    if isinstance(keys.archs, int):
        every, several = _drawn(setting.space, keys.archs)
    else:
        every, several = read_architectures(here_or_shipped(keys.archs), setting.space)
    if not every or not keys.seeds:
        raise ConfigError("nothing to train", got=f"{len(every)} architectures, seeds {keys.seeds}")
    first, *others = keys.seeds  # the first seed of all comes before the second of any
    trainings = [(arch, first) for arch in every] + [(arch, seed) for seed in others for arch in several]
    path = Path(keys.out) / "references.jsonl"
    check_new(path, "are references", resume=keys.resume)
    here = keys.engine == "local" and keys.workers == 1
    workers = None if here else make_workers(partial(_make_judge, keys.model_dump()), keys.workers, keys)
    how: dict[str, Any] = {"progress": keys.progress, "give_up_after": keys.give_up_after}
    table = train_references(_trainer(setting), trainings, path, workers=workers, **how)
    print(f"wrote {path}: {len(table)} trainings of {len(table.archs())} networks")


def _trainer(setting: Setting) -> TrainingEstimator:
    return TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)


def _make_judge(options: Mapping[str, Any]) -> Judge:
    """What trains in a worker, made anew there."""
    return make_training_judge(lambda: _trainer(build_setting(options)))


def _drawn(space: Space[Any], n: int) -> tuple[list[str], list[str]]:
    """So many distinct members twice: always the same, and fewer are the first of more."""
    rng, seen = Random("references"), set[Hashable]()
    drawn = list(takewhile(lambda arch: arch is not None, (draw_new(space, rng, seen) for _ in range(n))))
    if len(drawn) < n:
        raise ConfigError(f"space {space.name} has no such number of distinct networks", got=n, expected=len(drawn))
    every = [space.format(arch) for arch in drawn]
    return every, every
