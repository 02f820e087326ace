"""What a user typed to start this process: `ghn COMMAND`, or one of the two scripts; what messages name is that."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from ghn.train.launch import launched, starter

NAME = "ghn"
PASSING = ("out=", "resume=", "progress=")  # where a run wrote and how it was watched: nothing of what came of it


def is_ghn() -> bool:
    """Whether this process was started as `ghn`, or as `python -m ghn`."""
    return Path(sys.argv[0]).stem == NAME or _is_module()


def started(program: Sequence[str]) -> list[str]:
    """A program and its arguments, after what starts it: python, or torchrun; `ghn` starts by itself."""
    first, *arguments = program
    if first != NAME:
        return [*starter(), *program]
    return [*starter(), "-m", NAME, *arguments] if launched() or _is_module() else [NAME, *arguments]


def typed() -> str:
    """The command of this process as a card keeps it, which makes the same elsewhere."""
    lasting = [argument for argument in sys.argv[1:] if not argument.startswith(PASSING)]
    return shlex.join(started([NAME if is_ghn() else Path(sys.argv[0]).name, *lasting]))


def command_of(config: str, job: str) -> str:
    """The command that does a job, or with the config `train` trains, as this process was started."""
    if is_ghn():
        return f"{NAME} {'train' if config == 'train' else job}"
    return "python train_ghn.py" if config == "train" else f"python evaluate.py job={job}"


def _is_module() -> bool:
    path = Path(sys.argv[0])
    return path.name == "__main__.py" and path.parent.name == NAME
