"""Benchmarks of spaces whose references this project has trained itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import toy
from lightning_fabric import Fabric
from toy_models import SAMPLE, toy_table

from ghn.app.setting import Setting
from ghn.app.survey.subjects import shipped_subjects
from ghn.errors import ConfigError, DataError
from ghn.scoring.train_model import _ranking_check
from ghn.spaces import NASBench101, NASBenchMacro
from ghn.spaces.candidates import choose_ranked
from ghn.spaces.darts.space import DARTS
from ghn.spaces.trained import TrainedBenchmark
from ghn.tables import ReferenceTable
from ghn.tables.rows import Run, TableHeader
from ghn.train.network import Recipe


@dataclass(frozen=True)
class Trained(DARTS):
    """A space with shipped trainings."""

    file: str = ""

    def benchmark(self) -> TrainedBenchmark:
        return TrainedBenchmark(self, self.file)


@pytest.fixture
def space(tmp_path: Path) -> Trained:
    task, plain = toy.make_task(), DARTS((3, 8, 8), 4, width=4, depth=3)
    rng, path = Random(0), tmp_path / "trained.jsonl"
    archs = list(dict.fromkeys(plain.format(plain.sample(rng)) for _ in range(50)))
    header = TableHeader(plain.name, task.name, task.checksum, plain.describe(), {"epochs": 2}, {}, "made up")
    runs = [Run(a, s, val_accuracy=(0.1, rng.random()), test_accuracy=rng.random()) for a in archs for s in range(3)]
    ReferenceTable(header, tuple(runs)).save(path)
    return Trained((3, 8, 8), 4, width=4, depth=3, file=str(path))


def test_samples_are_disjoint_and_whole(space: Trained) -> None:
    benchmark = space.benchmark()
    one, other = benchmark.candidates(1000, "development"), benchmark.candidates(1000, "report")
    assert (len(one), len(other)) == (20, 30) and not {*one} & {*other}
    assert [*one, *other] == ReferenceTable.load(space.file).archs() == benchmark.candidates(1000, "all")
    assert benchmark.candidates(7, "report") == other[:7]
    assert [trial.id for trial, _ in benchmark.history(5)] == one[:5]
    sample = benchmark.sample("report", toy.make_task().checksum)
    assert list(sample.values) == other and len(sample.seeds[other[0]]) == 3


def test_what_is_chosen_on_stays_so_when_more_are_trained(space: Trained) -> None:
    """And of so few that nothing could be chosen on them all are to report on."""
    table, path = ReferenceTable.load(space.file), Path(space.file).parent
    expected = {10: 0, 23: 0, 24: 10, 50: 20}
    for n, chosen in expected.items():
        archs = table.archs()[:n]
        ReferenceTable(table.header, tuple(run for run in table.runs if run.arch in archs)).save(path / f"{n}.jsonl")
        benchmark = TrainedBenchmark(space, str(path / f"{n}.jsonl"))
        assert benchmark.candidates(99, "development") == archs[:chosen]
        assert benchmark.candidates(99, "report") == archs[chosen:]


def test_of_a_few_networks_a_survey_chooses_on_half_and_training_has_no_check(space: Trained, fabric: Fabric) -> None:
    table, path, task = ReferenceTable.load(space.file), Path(space.file).parent / "few.jsonl", toy.make_task()
    few = table.archs()[:22]
    ReferenceTable(table.header, tuple(run for run in table.runs if run.arch in few)).save(path)
    small = replace(space, file=str(path))
    subjects = shipped_subjects(Setting(small, task, fabric, []), 320, 120)
    assert (len(subjects.choosing.values), len(subjects.telling.values), len(subjects.archs)) == (11, 11, 22)
    assert not set(subjects.choosing.values) & set(subjects.telling.values)
    assert _ranking_check(small, task, None, fabric, 40, None) is None
    assert _ranking_check(space, task, None, fabric, 40, None) is not None
    rng, mine = Random(1), path.with_name("mine.jsonl")
    archs = list(dict.fromkeys(space.format(space.sample(rng)) for _ in range(12)))
    toy_table(archs, space, task).save(mine)
    assert _ranking_check(small, task, None, fabric, 40, mine) is not None  # of networks that nobody else has trained


def test_a_report_compares_with_them_without_another_word(space: Trained) -> None:
    images = toy.make_task().checksum
    archs, (reference,), _ = choose_ranked(300, "development", "all", space, images)
    assert set(archs) < set(reference.values) and len(reference.seeds) == 50
    assert set(choose_ranked(300, None, "all", space, images)[0]) == set(reference.values)


def test_of_a_table_that_is_named_its_own_networks_are_ranked(space: Trained, tmp_path: Path) -> None:
    """And not those that are shipped, of which a user has trained none."""
    rng, path, task = Random(1), tmp_path / "mine.jsonl", toy.make_task()
    mine = list(dict.fromkeys(space.format(space.sample(rng)) for _ in range(12)))
    toy_table(mine, space, task).save(path)
    assert choose_ranked(300, None, str(path), space, task.checksum)[0] == mine
    assert choose_ranked(7, "report", str(path), space, task.checksum)[0] == space.benchmark().candidates(7, "report")


def test_a_survey_chooses_on_some_and_tells_on_the_others(space: Trained, tmp_path: Path, fabric: Fabric) -> None:
    setting = Setting(space, toy.make_task(), fabric, [], ["loss"], SAMPLE, Recipe(), folder=tmp_path)
    subjects = shipped_subjects(setting, 320, 120)
    assert (len(subjects.choosing.values), len(subjects.telling.values)) == (20, 30)
    assert subjects.judged == (subjects.telling,) and subjects.table is not None
    with pytest.raises(DataError, match="no references fit"):
        shipped_subjects(Setting(space, toy.make_task(5), fabric, [], ["loss"], SAMPLE, Recipe()), 320, 120)


@pytest.mark.parametrize(("n", "sample"), [(0, "report"), ("many", "report"), (3, "test")])
def test_what_there_is_not(space: Trained, n: int, sample: str) -> None:
    with pytest.raises(ConfigError):
        space.benchmark().candidates(n, sample)
    with pytest.raises(ConfigError, match="no such number"):
        space.benchmark().history(21)
    with pytest.raises(DataError, match="no published accuracies"):
        space.benchmark().published(["a"])


@pytest.mark.parametrize(
    ("space", "networks"),
    [
        (NASBenchMacro((3, 16, 16), 10, width=8), 60),
        (DARTS((3, 16, 16), 10, width=8, depth=5), 14),
        (NASBench101((3, 16, 16), 10, width=16, depth=1), 60),
    ],
)
def test_what_is_shipped_is_of_its_space(space: Any, networks: int) -> None:
    benchmark = space.benchmark()
    table = ReferenceTable.load(benchmark.trainings)
    archs = benchmark.candidates(999, "all")
    assert len({space.canonical(space.parse(text)) for text in archs}) == len(archs) == networks
    assert [space.format(space.parse(text)) for text in archs] == archs
    reference = benchmark.trained(table.header.task_checksum)
    assert all(0.4 < value < 0.8 for value in reference.values.values())  # chance is .1
    with pytest.raises(DataError, match="skeleton"):
        replace(space, width=2 * space.width).benchmark().trained(table.header.task_checksum)
