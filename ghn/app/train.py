"""What trains: `train_ghn.py` weights for many networks, job=references candidates in full, into a table."""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping
from functools import partial
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import Any

from ghn.app.job_keys import ReferencesKeys
from ghn.app.jobs import check_new, read_keys
from ghn.app.setting import Setting, task_space
from ghn.app.train_keys import TrainKeys
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.training.full import TrainingEstimator, train_references
from ghn.nets import GHNConfig
from ghn.scoring.load import CHECKPOINT
from ghn.scoring.model import Model
from ghn.spaces.lists import read_architectures
from ghn.spaces.members import draw_new
from ghn.tasks import make_task
from ghn.tasks.outputs import count_outputs
from ghn.train.launch import starter
from ghn.train.meta import MetaConfig
from ghn.train.runtime import Runtime, make_runtime
from ghn.types import Readable, Space


def train(options: Mapping[str, Any]) -> None:
    """Trains what the options name, and says what came of it.

    Raises:
        ConfigError: keys or values that do not fit.
        ExistsError: `out` holds a run, and `resume` is false.
    """
    keys = read_keys(TrainKeys, options)
    fabric = make_runtime(keys.device, keys.precision, keys.threads, rank_timeout=keys.rank_timeout)
    out = fabric.ranks.agree("out", keys.out)
    model = _trained(keys, fabric, out)
    fabric.ranks.leave()
    if not fabric.ranks.is_first:
        return
    if (agreement := model.card.get("population", {}).get("agreement")) is not None:
        hint = "of several seeds, keep the highest: docs/ranking.md"
        print(f"agreement with a zero-cost proxy: {agreement:.3f} ({hint})")
    if (found := model.card.get("found")) is not None:
        print(f"found {found['architecture']}")
    print(f"wrote {out}/{CHECKPOINT}")


def _trained(keys: TrainKeys, fabric: Runtime, out: str) -> Model:
    task_options = dict(keys.task)
    task = fabric.ranks.in_turn(partial(make_task, task_options.pop("name"), **task_options))
    space, trainer = task_space(keys.space, task), keys.trainer.model_dump()
    if trainer["skeletons"] == "auto":
        trainer["skeletons"] = space.training_variants() if isinstance(space, Readable) else []
    parts = (space, task, MetaConfig(**trainer), fabric, out)
    how = keys.model_dump(include={"scoring_task", "check", "snapshots", "resume", "progress"})
    how["command"] = " ".join([*starter(), "train_ghn.py", *sys.argv[1:]])
    if keys.weights.method == "ghn":
        from ghn.scoring.train_model import train_hypernetwork

        config = GHNConfig(classes=count_outputs(task), **keys.net.model_dump())
        return train_hypernetwork(config, *parts, population=keys.population, start=keys.start, **how)
    if keys.start is not None:
        raise ConfigError("start is of a hypernetwork: weights=ghn", got=f"weights={keys.weights.method}")
    from ghn.families.sharing.train import make_method, train_shared

    return train_shared(make_method(**keys.weights.model_dump()), *parts, **how)


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
        source = Path(keys.archs)
        every, several = read_architectures(source if source.is_file() else asset(keys.archs), setting.space)
    if not every or not keys.seeds:
        raise ConfigError("nothing to train", got=f"{len(every)} architectures, seeds {keys.seeds}")
    first, *others = keys.seeds  # the first seed of all comes before the second of any
    trainings = [(arch, first) for arch in every] + [(arch, seed) for seed in others for arch in several]
    path = Path(keys.out) / "references.jsonl"
    check_new(path, "are references", resume=keys.resume)
    estimator = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    table = train_references(estimator, trainings, path, progress=keys.progress, give_up_after=keys.give_up_after)
    print(f"wrote {path}: {len(table)} trainings of {len(table.archs())} networks")


def _drawn(space: Space[Any], n: int) -> tuple[list[str], list[str]]:
    """So many distinct members twice: always the same, and fewer are the first of more."""
    rng, seen = Random("references"), set[Hashable]()
    drawn = list(takewhile(lambda arch: arch is not None, (draw_new(space, rng, seen) for _ in range(n))))
    if len(drawn) < n:
        raise ConfigError(f"space {space.name} has no such number of distinct networks", got=n, expected=len(drawn))
    every = [space.format(arch) for arch in drawn]
    return every, every
