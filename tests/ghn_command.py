"""`ghn` and the two scripts in this process, as a user types them."""

from __future__ import annotations

import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hydra.core.global_hydra import GlobalHydra

from ghn.app.entry import main

ROOT = Path(__file__).parent.parent


class Done(NamedTuple):
    """What a command has printed, and its exit code."""

    code: int
    out: str
    err: str


Typed = Callable[[str], Done]


def type_with(patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """A function that runs a command line, in the folder that a test is in."""

    def typed(line: str) -> Done:
        program, *arguments = shlex.split(line)
        patch.setattr(sys, "argv", [program, *arguments])
        capsys.readouterr()
        code: object = 0
        said = ""
        try:
            if program == "ghn":
                main()
            else:
                runpy.run_path(str(ROOT / program), run_name="__main__")
        except SystemExit as end:
            code = end.code
        finally:
            GlobalHydra.instance().clear()
        if isinstance(code, str):  # which Python prints at the end of a process
            code, said = 1, code
        found = capsys.readouterr()
        assert isinstance(code, int) or code is None
        return Done(code or 0, found.out, found.err + said)

    return typed
