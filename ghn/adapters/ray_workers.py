"""The workers of ghn's own jobs on a cluster of Ray: searches, surveys, references and scores (engine=ray)."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from ghn.disk import IN_PYTHON
from ghn.errors import ConfigError, GhnError, TrainingError
from ghn.extras import check_extra
from ghn.search.workers import Judge, Workers
from ghn.types import Score, Trial

check_extra("ray", "ray")

import ray  # noqa: E402
from ray.exceptions import RayError, RayTaskError  # noqa: E402

from ghn.adapters.ray_cluster import connect  # noqa: E402

RETRIES = 3  # of a trial whose worker dies: killed, out of memory, its machine gone


class RayWorkers(Workers):
    """Several trials at once, each in a process of a cluster; those of a worker that dies are done again.

    A process makes its judge once, in the folder of the driver where its machine has that. Files that a judge writes
    must lie where all machines find them.

    Args:
        make: makes the judge, as in `Processes`.
        slots: trials that are judged at once, each on one CPU.
        address: `HOST:PORT` of a cluster, or `auto`; None: the one that this process is connected to, or a new one on
            this machine.
        waiting: trials handed out beyond those, so that no worker waits for its next.
        gpus: of each.

    Raises:
        ConfigError: the address does not answer, or the cluster is too small.
    """

    def __init__(
        self, make: Callable[[], Judge], slots: int, address: str | None = None, *, waiting: int = 0, gpus: int = 0
    ) -> None:
        self._mine = not ray.is_initialized()
        if self._mine:
            connect(address, slots)
        if (cpus := ray.cluster_resources().get("CPU", 0)) < slots:
            self.close()
            raise ConfigError(f"{slots} workers need a CPU each", got=f"a cluster of {cpus:g}", fix="fewer workers=")
        self.slots = slots + waiting
        self._work = ray.remote(_work).options(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)
        self._make, self._key, self._folder = ray.put(make), uuid4().hex, os.getcwd()
        self._begun: dict[Any, Trial[Any]] = {}

    def submit(self, trial: Trial[Any], parent: Trial[Any] | None) -> None:
        self._begun[self._work.remote(self._make, self._key, self._folder, trial, parent)] = trial

    def wait(self) -> list[tuple[Trial[Any], Score]]:
        """Waits for a worker to finish; raises what it raised, and `TrainingError` where it died again and again."""
        (reference, *_), _ = ray.wait(list(self._begun))
        trial = self._begun.pop(reference)
        try:
            return [(trial, ray.get(reference))]
        except RayTaskError as error:
            raise error.cause from None
        except RayError as error:
            fix = f"{IN_PYTHON}; fewer workers a machine need less memory"
            what = f"the workers that judged {trial.id} died, {RETRIES + 1} in a row"
            raise TrainingError(what, got=str(error), fix=fix) from None

    def close(self, *, kill: bool = False) -> None:
        if self._mine:
            ray.shutdown()
            return
        for reference in self._begun if kill else ():
            ray.cancel(reference)


_made: dict[str, Judge] = {}  # of a worker process: the judge of the workers it is of now


def _work(make: Callable[[], Judge], key: str, folder: str, trial: Trial[Any], parent: Trial[Any] | None) -> Score:
    if key not in _made:
        if Path(folder).is_dir():
            os.chdir(folder)  # relative paths mean what they mean to the driver
        _made.clear()
        try:
            _made[key] = make()
        except GhnError as error:  # such as a checkpoint that is not there
            raise type(error)(f"a worker on {socket.gethostname()}: {error}") from None
    return _made[key](trial, parent)
