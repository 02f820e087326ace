"""Estimators asked in several processes at once, a thread each: half the time on two cores.

PyTorch's own threads hardly help networks as small as those that are scored. The processes are joblib's: they need no
guard in a user's script, and end with it.
"""

from __future__ import annotations

import os
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import cloudpickle
import torch
from joblib import Parallel, cpu_count, delayed
from lightning_fabric import Fabric

from ghn.errors import ConfigError
from ghn.scoring.guard import judge
from ghn.train.runtime import Runtime
from ghn.types import Estimator, Score, Trial

LEAST = 128  # candidates from which on the start of processes is worth their time
AUTO = "auto"


def choose_workers(workers: int | str, candidates: int, fabric: Fabric) -> int:
    """How many processes score: as asked; `auto`: one a core, where a CPU scores many candidates, nobody asked for
    several threads, and this process is no worker itself.

    Raises:
        ConfigError: neither a number from 1 on nor `auto`.
    """
    if workers == AUTO:
        threaded = isinstance(fabric, Runtime) and (fabric.threads or 1) > 1
        if threaded or fabric.device.type != "cpu" or candidates < LEAST or parent_process() is not None:
            return 1
        return cpu_count()
    if type(workers) is not int or workers < 1:
        raise ConfigError("processes that score", got=repr(workers), expected=f"a whole number from 1 on, or {AUTO!r}")
    return workers


class Pool:
    """Processes that hold some estimators.

    Args:
        estimators: by name, fitted; those of an estimator that cannot be sent raise as `cloudpickle` does.
        workers: how many processes.
    """

    def __init__(self, estimators: Mapping[str, Estimator[Any]], workers: int) -> None:
        self.workers = workers
        handle, name = tempfile.mkstemp(prefix="ghn-estimators-")
        weakref.finalize(self, Path(name).unlink, missing_ok=True)
        with os.fdopen(handle, "wb") as file:
            cloudpickle.dump(dict(estimators), file)
        self._path = name

    def score(self, name: str, trials: Sequence[Trial[Any]]) -> list[Score]:
        """What one of the estimators says of trials, shared out."""
        parts = [trials[k :: self.workers] for k in range(self.workers)]
        calls = (delayed(_score)(self._path, name, cloudpickle.dumps(part)) for part in parts if part)
        found: list[list[Score]] = Parallel(n_jobs=self.workers, batch_size=1)(calls)
        return [found[i % self.workers][i // self.workers] for i in range(len(trials))]

    def spread(self, estimators: Mapping[str, Estimator[Any]]) -> dict[str, Estimator[Any]]:
        """The estimators, each asked in the processes."""
        return {name: Spread(self, name, estimator) for name, estimator in estimators.items()}


class Spread:
    """An estimator that is asked in processes; a single trial here.

    Args:
        pool: holds it.
        name: by which.
        estimator: itself; it learns nothing.
    """

    def __init__(self, pool: Pool, name: str, estimator: Estimator[Any]) -> None:
        self.pool, self.name, self.estimator, self.source = pool, name, estimator, estimator.source

    @property
    def identity(self) -> dict[str, Any]:
        return self.estimator.identity

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing to learn."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return self.pool.score(self.name, trials) if len(trials) > 1 else self.estimator.score(trials)

    def cost(self, arch: Any) -> float | None:
        return self.estimator.cost(arch)


def _score(path: str, name: str, trials: bytes) -> list[Score]:
    """In a process: what an estimator says."""
    torch.set_num_threads(1)
    return judge(_held(path)[name], cloudpickle.loads(trials))


@lru_cache(maxsize=1)
def _held(path: str) -> dict[str, Estimator[Any]]:
    """The estimators that the first process wrote down for its own."""
    with Path(path).open("rb") as file:
        held: dict[str, Estimator[Any]] = cloudpickle.load(file)
    return held
