"""Spaces of a user's own, named on the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from toy import SPACE, make_task

from ghn.app.overrides import check_overrides
from ghn.app.setting import task_space
from ghn.errors import ConfigError
from ghn.spaces import FunctionSpace, describe_space, skeletons_of
from ghn.types import Readable, Space

FILE = '''
from dataclasses import dataclass
from torch import nn
from ghn.spaces import FunctionSpace

def build(choose, width=4):
    kernel = choose("kernel", [1, 3])
    conv = nn.Conv2d(choose.input_shape[0], width, kernel, padding=kernel // 2)
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, choose.classes))

made = FunctionSpace(build, (3, 8, 8), 4)

@dataclass(frozen=True)
class Lengths:
    """A space of strings that are not networks."""
    input_shape: tuple
    classes: int
    width: int = 1
    name: str = "lengths"
    def describe(self): return {"input_shape": list(self.input_shape), "classes": self.classes, "width": self.width}
    def sample(self, rng): ...
    def neighbours(self, arch): ...
    def network(self, arch): ...
    def parse(self, text): ...
    def format(self, arch): ...
    def canonical(self, arch): ...

class Nothing:
    def __init__(self, input_shape, classes): ...
'''


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "users_own.py").write_text(FILE)
    yield
    sys.modules.pop("users_own", None)


def made(name: str, **settings: object) -> Space:
    return task_space({"name": "function", "target": f"users_own:{name}", **settings}, make_task())


def test_a_function_a_space_and_a_class() -> None:
    space = made("build", width=6)
    assert isinstance(space, FunctionSpace) and space.describe()["target"] == "users_own:build"
    assert (space.input_shape, space.classes) == ((3, 8, 8), 4)
    assert {p.shape[0] for p in space.network(space.sample(Random(0))).graph.params()} == {6, 4}
    assert made("made") == made("build") != space
    described = describe_space(own := made("Lengths", width=3))
    assert described["name"] == "lengths" and described["target"] == "users_own:Lengths" and described["source"]
    assert skeletons_of(own, [{"width": 5}]) == [made("Lengths", width=5)]


def test_what_is_no_space_is_refused() -> None:
    for name, message in (("Nothing", "users_own:Nothing is no space"), ("missing", "has no 'missing'")):
        with pytest.raises(ConfigError, match=message):
            made(name)
    with pytest.raises(ConfigError, match=r"(?s)unknown setting of space users_own:Lengths.*depth"):
        made("Lengths", depth=2)
    with pytest.raises(ConfigError, match="takes no settings"):
        made("made", width=2)
    with pytest.raises(ConfigError, match=r"must be a string"):
        task_space({"name": "function", "target": 3}, make_task())


def test_overrides() -> None:
    check_overrides("train", ["space=function", "space.target=users_own:build", "+space.width=3"])
    with pytest.raises(ConfigError, match=r"space\.target must be given"):
        check_overrides("train", ["space=function"])
    with pytest.raises(ConfigError, match=r"(?s)key of space=function.*space=function space\.target=a:b"):
        check_overrides("evaluate", ["space.target=a:b"])


def test_variants_that_are_trained_are_the_space_s() -> None:
    assert isinstance(SPACE, Readable) and SPACE.training_variants() == [{"depth": 1}, {"depth": 2}, {"depth": 3}]
    assert not isinstance(made("build"), Readable)
