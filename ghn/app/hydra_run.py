"""A command of `ghn`, or a script, under hydra, which reads the command line itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import hydra

from ghn.app.cli import plain, told
from ghn.app.program import NAME


def run_hydra(config: str, overrides: Sequence[str], program: str = NAME) -> str | None:
    """Runs a job or a training under hydra, and returns its folder; None where only a config was shown."""
    typed, folders = list(sys.argv), []

    def task(cfg: Any) -> None:
        sys.argv[:] = typed  # which reports, cards and messages tell
        with told(program, cfg.out):
            task_of(config)(plain(cfg))
        folders.append(cfg.out)

    try:
        sys.argv[1:] = overrides  # which hydra reads
        hydra.main(version_base="1.3", config_path="pkg://ghn.app.conf", config_name=config)(task)()
    finally:
        sys.argv[:] = typed
    return folders[-1] if folders else None


def task_of(config: str) -> Callable[[Any], None]:
    """What does the work of a config; imported when it is to be done."""
    if config == "train":
        from ghn.app.train import train

        return train
    from ghn.app.jobs import run_job

    return run_job
