"""Completion by the shell: hydra's, of keys and values, behind the commands of `ghn`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from glob import escape, glob

from ghn.app.cli import answering
from ghn.app.commands import COMMANDS, JSON
from ghn.app.estimators import ESTIMATORS
from ghn.app.flags import FLAGS, check_flags, divided
from ghn.app.program import NAME
from ghn.errors import GhnError


def complete(arguments: Sequence[str]) -> None:
    """Does what follows `--shell-completion`: install=SHELL, uninstall=SHELL, or query=SHELL, which the shell asks.

    Hydra's plugin for the shell answers all but the command itself, and a word that stands for the value of a key.
    """
    from ghn.app.hydra_run import run_hydra

    with answering():
        check_flags(arguments)
    sys.argv[0] = NAME  # by which hydra registers it; started as `python -m ghn` too
    _, rest = divided(arguments)
    if not rest[0].startswith("query="):
        run_hydra("evaluate", arguments)
        return
    line = os.environ.get("COMP_LINE", "").replace(f"python -m {NAME}", NAME, 1)
    words, last = _taken_apart(line)
    if not words:
        print(*(one for one in (*COMMANDS, "--help", "--version") if one.startswith(last)), sep="\n")
        return
    if (command := COMMANDS.get(words[0])) is None:
        return
    if last.startswith("-"):
        known = [JSON] if command.json else []
        known += FLAGS if command.config else ["--help"]
        print(*(one for one in known if one.startswith(last)), sep="\n")
        return
    _, typed = divided(words[1:])
    if command.word is not None and not typed and "=" not in last:
        print(*_values(command.word[0], last), sep="\n")
    key, equals, value = last.partition("=")
    if equals and key.endswith("estimator"):  # a name, or a list of names
        print(*(f"{key}={name}" for name in ESTIMATORS if name.startswith(value)), sep="\n")
    elif command.config is not None:
        with suppress(GhnError):  # what was typed before does not fit
            os.environ["COMP_LINE"] = " ".join([NAME, *command.chosen, *command.overrides(typed), last])
            run_hydra(command.config, arguments)


def _taken_apart(line: str) -> tuple[list[str], str]:
    """The words behind `ghn` that are complete, and the one that is being typed."""
    words = line.split()[1:]
    return (words, "") if line.endswith(" ") or not words else (words[:-1], words[-1])


def _values(key: str, beginning: str) -> list[str]:
    """What a word can be that stands for the value of a key: names, or files."""
    if key == "search":
        from ghn.app.overrides import options_of

        names = [name for name in options_of("search") if name != "none"]
    else:
        names = [f"{path}/" if os.path.isdir(path) else path for path in glob(f"{escape(beginning)}*")]
    if key == "checkpoint":
        from ghn.spaces import CHECKPOINTS

        names += CHECKPOINTS
    return [name for name in names if name.startswith(beginning)]
