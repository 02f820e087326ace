"""A lock for samplers and pruners, which users of Optuna pickle to go on with a study later."""

from __future__ import annotations

from threading import Lock
from typing import Any


class OwnLock:
    """A lock of one process: a copy, and what is read from a pickle, has another, which is open."""

    def __init__(self) -> None:
        self._lock = Lock()

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *_: Any) -> None:
        self._lock.release()

    def __reduce__(self) -> tuple[type[OwnLock], tuple[()]]:
        return OwnLock, ()
