"""Spaces are found by their folders, and nothing outside of its folder knows a benchmark."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import ghn
from ghn import spaces
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.nets.net import KINDS
from ghn.scoring.load import SHIPPED
from ghn.spaces.candidates import benchmark_of, choose_ranked, choose_references, known_benchmark, publishes
from ghn.spaces.darts.space import DARTS
from ghn.spaces.nasbench201.space import NASBench201
from ghn.spaces.nats_size.space import NATSBenchSize
from ghn.tables.references import ReferenceTable
from ghn.train.checkpoint import load_tensors

SPACE = NASBench201((3, 8, 8), 10, width=4, depth=1)
OTHER = DARTS((3, 8, 8), classes=4, width=2, depth=3)
BARE = NATSBenchSize((3, 8, 8), classes=4)


def test_every_folder_is_a_space() -> None:
    folders = {path.parent.name for path in Path(spaces.__file__).parent.glob("*/__init__.py")}
    assert spaces.SPACES.keys() == folders
    for space in (SPACE, OTHER):
        assert spaces.make_space(**spaces.describe_space(space)) == space
    with pytest.raises(ConfigError, match=re.escape(" | ".join(sorted(folders)))):
        spaces.make_space("nowhere")


def test_the_default_checkpoint_is_named_by_its_space_and_not_the_first_of_the_alphabet() -> None:
    sources = (path.read_text() for path in Path(spaces.__file__).parent.glob("*/__init__.py"))
    assert sum("\nDEFAULT = " in source for source in sources) == 1
    assert asset(spaces.DEFAULT_CHECKPOINT) == asset(SHIPPED)
    for name, file in spaces.CHECKPOINTS.items():
        assert load_tensors(asset(file), *KINDS)[1]["card"]["space"]["name"] == name
    assert load_tensors(asset(SHIPPED), *KINDS)[1]["card"]["space"]["name"] == SPACE.name


def test_classes_of_spaces_are_found_by_their_names() -> None:
    assert ghn.NASBench201 is spaces.NASBench201 is NASBench201 and spaces.DARTS is DARTS
    for module in (ghn, spaces):
        with pytest.raises(AttributeError, match="no attribute 'Nowhere'"):
            module.Nowhere  # noqa: B018


def test_nothing_outside_of_its_folder_knows_the_benchmark() -> None:
    package = Path(ghn.__file__).parent
    known = [path for path in package.rglob("*.py") if "nasbench201" in path.read_text().lower()]
    assert known and {path.parent for path in known} == {package / "spaces" / "nasbench201"}


def test_a_space_without_a_benchmark() -> None:
    benchmark = benchmark_of(SPACE)
    assert benchmark is not None and benchmark == known_benchmark(SPACE) and benchmark_of(BARE) is None
    with pytest.raises(ConfigError, match="nats_size has no candidates and references of its own"):
        known_benchmark(BARE)
    with pytest.raises(
        ConfigError, match=r"nats_size has no candidates(?s:.*)references=all(?s:.*)ghn references archs=20"
    ):
        choose_ranked(10, "development", "all", BARE, "any")
    assert [publishes(space) for space in (SPACE, OTHER, BARE)] == [True, False, False]


def test_words_of_configs_are_the_benchmarks() -> None:
    archs = known_benchmark(SPACE).candidates(20, "development")
    published, both = (choose_references(word, archs, SPACE, "other images") for word in ("nasbench201", "all"))
    assert [one.name for one in both] == [one.name for one in published]  # own trainings are of other images
    with pytest.raises(ConfigError, match=r"embedded \| nasbench201 \| all \| the path of a table"):
        choose_references("official", archs, SPACE, "any")


def test_all_references_are_those_that_know_some_of_the_candidates() -> None:
    space = NASBench201((3, 16, 16), 10, width=8, depth=1)  # in which the embedded references were trained
    benchmark = known_benchmark(space)
    images = ReferenceTable.load(benchmark.trainings).header.task_checksum
    for sample, number in (("development", 2), ("report", 1)):
        archs, references, _ = choose_ranked(30, sample, "all", space, images)
        assert len(references) == number and set(archs) == set(references[-1].values)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("nasbench201", {"depth": 10**7}),
        ("nasbench201", {"depth": 1.5}),
        ("nasbench201", {"width": True}),
        ("darts", {"width": 1 << 20}),
        ("nasbench101", {"classes": 10**9}),
        ("nats_size", {"width": 10**9}),
        ("macro", {"width": 10**9}),
        ("vit", {"depths": (10**9,)}),
        ("vit", {"input_shape": (3, 10**9, 10**9)}),
        ("vit", {"input_shape": (3, 1 << 14, 1 << 14)}),
        ("macro", {"input_shape": (3, "8", 8)}),
    ],
)
def test_sizes_without_end_are_refused(name: str, settings: dict[str, Any]) -> None:
    """In Python, in a card and in what a configuration says: all make the space."""
    with pytest.raises(ConfigError, match=r"out of range|makes no network"):
        spaces.make_space(name, **{"input_shape": (3, 16, 16), "classes": 10, **settings})
