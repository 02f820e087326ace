"""Keys of jobs as the configs have them, with what a test changes."""

from __future__ import annotations

from functools import cache
from typing import Any

from ghn.app.job_keys import JobKeys
from ghn.app.jobs import JOBS
from ghn.app.overrides import composed
from ghn.app.read_keys import read_keys


@cache
def defaults(*overrides: str) -> dict[str, Any]:
    return composed("evaluate", ["out=outputs/here", *overrides])


def keys_for(job: str, *overrides: str, **changes: Any) -> Any:
    """The keys of a job; a changed group keeps what is not changed in it."""
    options = {**defaults(f"job={job}", *overrides), "progress": False}
    for key, value in changes.items():
        old = options[key]
        options[key] = {**old, **value} if isinstance(value, dict) and isinstance(old, dict) else value
    keys: JobKeys = read_keys(JOBS[job].keys, options)
    return keys
