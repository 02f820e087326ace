"""Where the workers of a job run: in this process, in several of this machine, or on a cluster of Ray."""

from __future__ import annotations

from collections.abc import Callable

from ghn.app.job_keys import EngineKeys
from ghn.search.workers import Here, Judge, Processes, Workers


def make_workers(make: Callable[[], Judge], slots: int, keys: EngineKeys, *, waiting: int = 0) -> Workers:
    """The workers that the keys of a job name.

    Args:
        make: makes the judge of a worker; picklable.
        slots: trials that are judged at once.
        keys: `engine`, `address` and `device`.
        waiting: trials handed out beyond those, where workers are other processes.

    Raises:
        ConfigError: a cluster that does not answer, or is too small.
        MissingExtraError: Ray is not installed.
    """
    if keys.engine == "ray":
        from ghn.adapters.ray_workers import RayWorkers

        return RayWorkers(make, slots, keys.address, waiting=waiting, gpus=int(keys.device == "cuda"))
    return Processes(make, slots, waiting=waiting) if slots > 1 else Here(make())
