"""What of a user's own code counts, and what it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
from torch import nn

from ghn.spaces.source import source_of, target_of

FILE = """
import torch
from blocks import Block

SIZE = 3
UNUSED = 1

def helper(x):
    return SIZE * x

def build(choose):
    # a comment
    return Block(helper(2))

def other():
    pass
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Writes a file and its neighbour, and gives the digest of `build`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def make(old: str = "", new: str = "", block: str = "class Block: pass") -> str:
        for name, text in (("own_file", FILE.replace(old, new) if old else FILE), ("blocks", block)):
            (tmp_path / f"{name}.py").write_text(text)
            sys.modules.pop(name, None)
        invalidate_caches()
        return source_of(import_module("own_file").build)

    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield make
    for name in ("own_file", "blocks"):
        sys.modules.pop(name, None)


def test_comments_and_what_is_not_needed_do_not_count(write: Callable[..., str]) -> None:
    usual = write()
    for old, new in (("# a comment", "# another"), ("UNUSED = 1", "UNUSED = 22"), ("pass\n", "return 1\n")):
        assert write(old, new) == usual
    for old, new in (("helper(2)", "helper(22)"), ("SIZE = 3", "SIZE = 33"), ("SIZE * x", "SIZE + x")):
        assert write(old, new) != usual


def test_files_of_ones_own_that_are_imported_count(write: Callable[..., str]) -> None:
    assert write(block="class Block: size = 12345") != write() == write(block="class Block: pass  # a comment")


def test_what_a_function_is_made_with_counts() -> None:
    def make(n: int) -> Callable[[], int]:
        return lambda: n

    assert source_of(make(1)) == source_of(make(1)) != source_of(make(2))
    assert source_of(partial(make, 1)) != source_of(partial(make, 2))
    first, second = (lambda: 1), (lambda: 2)  # of one file, and one name
    assert source_of(first) != source_of(second)


TYPED = """
SIZE = 3
UNUSED = 1

class Block:
    many = 2
    def run(self, x):
        return SIZE * x

def helper(x):
    return build if x else Block

def build(choose):
    return [helper(2) for _ in range(SIZE)]
"""


def test_what_is_typed_into_a_notebook_counts_with_all_that_it_uses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed cell is another space: a graph that was captured of the older one must not come back."""

    def typed(old: str = "", new: str = "") -> str:
        notebook = type(sys)("__main__")  # as IPython makes it: without a file
        monkeypatch.setitem(sys.modules, "__main__", notebook)
        exec(compile(TYPED.replace(old, new) if old else TYPED, "<cell>", "exec"), notebook.__dict__)
        build = notebook.__dict__["build"]
        assert target_of(build) == "__main__:build"
        return source_of(build)

    usual = typed()
    assert typed() == usual == typed("UNUSED = 1", "UNUSED = 22")
    for old, new in (
        ("SIZE = 3", "SIZE = 33"),
        ("many = 2", "many = 3"),
        ("SIZE * x", "x + SIZE"),
        ("if x", "if not x"),
    ):
        assert typed(old, new) != usual, old


def test_what_a_thing_is_called(write: Callable[..., str]) -> None:
    write()
    build = import_module("own_file").build
    assert target_of(build) == "own_file:build" and target_of(partial(build, 1)) == "own_file:build"
    assert target_of(nn.Linear(1, 1)) == "torch.nn.modules.linear:Linear"


RESIDUAL = """
from torch import nn

class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x):
        return x + self.conv(x)

def build(choose):
    return Residual(choose("width", [8, 16]))
"""


def test_a_class_that_calls_super_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for text in (RESIDUAL, RESIDUAL, RESIDUAL.replace("x + self", "x - self")):
        notebook = type(sys)("__main__")
        monkeypatch.setitem(sys.modules, "__main__", notebook)
        exec(compile(text, "<cell>", "exec"), notebook.__dict__)
        digests.append(source_of(notebook.__dict__["build"]))
    assert digests[0] == digests[1] != digests[2]
