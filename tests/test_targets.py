"""Where code of a user's own is found."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ghn.errors import ConfigError
from ghn.targets import find_target


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", os.getcwd())])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("file_here", None)


def test_targets_are_found_in_the_working_directory() -> None:
    Path("file_here.py").write_text("class Sort:\n    def build(self): return 3")
    assert find_target("file_here:Sort.build")(None) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("build", "a module and a name"),
        ("nowhere:build", "(?s)'nowhere' of the target nowhere:build cannot be imported.*from the folder"),
        ("os:nothing", "'os' has no 'nothing'"),
    ],
)
def test_targets_that_are_none_are_refused(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        find_target(text)


def test_an_import_that_fails_is_named() -> None:
    Path("file_here.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match=r"(?s)'file_here'.*ZeroDivisionError"):
        find_target("file_here:build")
