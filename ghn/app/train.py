"""What `train_ghn.py` does: trains a hypernetwork, or weights that are shared."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ghn.app.read_keys import read_keys
from ghn.app.setting import task_space
from ghn.app.train_keys import TrainKeys
from ghn.nets import GHNConfig
from ghn.scoring.load import CHECKPOINT
from ghn.scoring.model import Model
from ghn.tasks import make_task
from ghn.train.meta import MetaConfig
from ghn.train.runtime import make_runtime


def train(options: Mapping[str, Any]) -> None:
    """Trains what the options name, and says what came of it.

    Raises:
        ConfigError: keys or values that do not fit.
        ExistsError: `out` holds a run, and `resume` is false.
    """
    model = _trained(read_keys(TrainKeys, options))
    if (agreement := model.card.get("population", {}).get("agreement")) is not None:
        print(
            f"agreement with a zero-cost proxy: {agreement:.3f} (of several seeds, keep the highest: docs/ranking.md)"
        )
    if (found := model.card.get("found")) is not None:
        print(f"found {found['architecture']}")
    print(f"wrote {options['out']}/{CHECKPOINT}")


def _trained(keys: TrainKeys) -> Model:
    task_options = dict(keys.task)
    task = make_task(task_options.pop("name"), **task_options)
    parts = (
        task_space(keys.space, task),
        task,
        MetaConfig(**keys.trainer.model_dump()),
        make_runtime(keys.device, keys.precision, keys.threads),
        keys.out,
    )
    how = keys.model_dump(include={"scoring_task", "check", "snapshots", "resume", "progress"})
    how["command"] = " ".join(["python train_ghn.py", *sys.argv[1:]])
    if keys.weights.method == "ghn":
        from ghn.scoring.train_model import train_hypernetwork

        config = GHNConfig(classes=task.classes, **keys.net.model_dump())
        return train_hypernetwork(config, *parts, population=keys.population, **how)
    from ghn.families.sharing.train import make_method, train_shared

    return train_shared(make_method(**keys.weights.model_dump()), *parts, **how)
