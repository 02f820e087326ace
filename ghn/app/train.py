"""`train_ghn.py`: trains weights for many networks."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ghn.app.program import typed
from ghn.app.read_keys import read_keys
from ghn.app.setting import task_space
from ghn.app.train_keys import TrainKeys
from ghn.errors import ConfigError, ExistsError
from ghn.locks import LOCK, holds_results
from ghn.nets import GHNConfig
from ghn.scoring.load import CHECKPOINT
from ghn.scoring.model import Model
from ghn.spaces import training_variants
from ghn.tasks import check_task, make_task
from ghn.tasks.outputs import count_outputs
from ghn.train.loop import LOG, STATE, kept_folder
from ghn.train.meta import MetaConfig
from ghn.train.runtime import Runtime, make_runtime


def train(options: Mapping[str, Any]) -> None:
    """Trains what the options name, and says what came of it.

    Raises:
        ConfigError: keys or values that do not fit.
        ExistsError: `out` holds a run, and `resume` is false; or another run writes there.
    """
    keys = read_keys(TrainKeys, options)
    fabric = make_runtime(keys.device, keys.precision, keys.threads, rank_timeout=keys.rank_timeout)
    out = fabric.ranks.agree("out", keys.out)
    with kept_folder(out, fabric):
        if not keys.resume:
            fabric.ranks.first(partial(_check_own, Path(out)))
        model = _trained(keys, fabric, out)
    fabric.ranks.leave()
    if not fabric.ranks.is_first:
        return
    population = model.card.get("population", {})
    if (agreement := population.get("agreement")) is not None:
        hint = "of several seeds and starts, keep the highest: docs/ranking.md"
        print(f"agreement with random weights: {agreement:.3f} ({hint})")
        votes = {name: vote for name, vote in population["votes"].items() if name.endswith("/loss")}
        if not any(votes.values()):
            print("MeCo confirms nothing that its losses say beyond size: in rank they have no vote")
    elif keys.population and model.method == "ghn":
        why = "no scoring_task= says on which images" if model.card.get("scoring_task") is None else "it was left out"
        print(f"no population is kept, as {why}: rank at least 20 networks at once (docs/ranking.md)")
    if (found := model.card.get("found")) is not None:
        print(f"found {found['architecture']}")
    print(f"wrote {out}/{CHECKPOINT}; what to do with it: ghn info {out}/{CHECKPOINT}")


def _check_own(folder: Path) -> None:
    """Refuses a folder that holds anything but a run, which is told of otherwise.

    Raises:
        ExistsError: it does.
    """
    if holds_results(folder) and not any((folder / name).exists() for name in (STATE, LOG, CHECKPOINT)):
        found = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
        raise ExistsError(
            "the folder holds other things than a training",
            got=f"{folder}: {', '.join(found[:3])}{', ...' if len(found) > 3 else ''}",
            expected="a new folder, or an empty one",
            fix="choose another folder (out=...)",
        )


def _trained(keys: TrainKeys, fabric: Runtime, out: str) -> Model:
    if keys.scoring_task is not None:
        check_task(**keys.scoring_task)
    task = fabric.ranks.in_turn(partial(make_task, **keys.task))
    space, trainer = task_space(keys.space, task), keys.trainer.model_dump()
    if trainer["skeletons"] == "auto":
        trainer["skeletons"] = training_variants(space)
    parts = (space, task, MetaConfig(**trainer), fabric, out)
    how = keys.model_dump(include={"scoring_task", "check", "snapshots", "resume", "progress"})
    how["command"] = typed()
    if keys.weights.method == "ghn":
        from ghn.scoring.train_model import train_hypernetwork

        config = GHNConfig(classes=count_outputs(task), **keys.net.model_dump())
        return train_hypernetwork(config, *parts, population=keys.population, start=keys.start, **how)
    if keys.start is not None:
        raise ConfigError("start is of a hypernetwork: weights=ghn", got=f"weights={keys.weights.method}")
    from ghn.families.sharing.train import make_method, train_shared

    return train_shared(make_method(**keys.weights.model_dump()), *parts, **how)
