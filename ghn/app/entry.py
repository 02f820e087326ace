"""`ghn`: every job of the two scripts as a command, with the same configs and keys; what is shipped, what a file is.

Nothing but the standard library is imported before it is clear what is wanted: help is there at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import NoReturn

from ghn.app.commands import JSON, check_command, overview, usage
from ghn.app.program import NAME


def main() -> None:
    """Does what the command line says; docs/command-line.md has the exit codes."""
    try:
        _main(sys.argv[1:])
    except KeyboardInterrupt:  # before there is anything to go on with
        _leave("\ninterrupted", 130)
    except SystemExit as end:
        from ghn.app.cli import Ended

        if isinstance(end, Ended):
            _leave(str(end.code), end.status)
        raise


def _leave(message: str, status: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(status)


def _main(arguments: list[str]) -> None:
    first, given = (arguments or ["--help"])[0], arguments[1:]
    if first in ("--help", "-h", "help"):
        _help(given)
    elif first == "--version":
        from ghn import __version__

        print(f"{NAME} {__version__}")
    elif first.partition("=")[0] in ("--shell-completion", "-sc"):
        from ghn.app.completion import complete

        complete(arguments)
    elif {"--help", "-h"} & {*given} or given == ["help"]:
        _help([first, *(one for one in given if not one.startswith("-") and one != "help")])
    else:
        _run(first, [one for one in given if one != JSON], as_json=JSON in given)


def _help(arguments: Sequence[str]) -> None:
    """Prints what there is; or how a command is used, and its keys."""
    from ghn.app.cli import answering

    with answering():
        if not arguments:
            print(overview())
            return
        command = check_command(arguments[0])
        if command.config is None:
            print(usage(command))
            return
        from ghn.app.help import help_text

        print(help_text(command.config, [*command.chosen, *command.overrides(arguments[1:])], usage(command)))


def _run(name: str, given: Sequence[str], *, as_json: bool) -> None:
    """Runs a command; with `as_json` nothing but one JSON document goes to standard output."""
    from ghn.app.cli import FAILED, answering

    with answering():
        command = check_command(name)
        if as_json:
            command.check_json()
        if command.config is not None:
            from ghn.app.flags import check_flags, flags_last
            from ghn.app.overrides import check_overrides

            typed = command.overrides(given)
            check_flags(typed)
            command.check_given(typed)
            overrides = flags_last([*command.chosen, *typed])
            check_overrides(command.config, overrides)
    if command.config is None:
        from ghn.app.shipped import tell

        tell(command, given, as_json=as_json)
        return
    from ghn.app.hydra_run import run_hydra

    with redirect_stdout(sys.stderr) if as_json else nullcontext():
        out = run_hydra(command.config, overrides)
    if as_json and out is not None:
        from ghn.app.results import print_result

        with answering(FAILED):
            print_result(command.name, out)
