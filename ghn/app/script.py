"""The two scripts: the same jobs as those of `ghn`, as keys of one config each."""

from __future__ import annotations

import sys


def run(script: str, config: str) -> None:
    """Does what the command line of a script says, under the name that messages give it.

    Nothing but the standard library is imported before Ctrl-C is watched for.
    """
    try:
        from ghn.app.cli import start
        from ghn.app.hydra_run import run_hydra

        start(config, lambda: run_hydra(config, sys.argv[1:], script))
    except KeyboardInterrupt:  # before there is anything to go on with
        sys.exit("\ninterrupted")
