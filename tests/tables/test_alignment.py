"""References from tables, and candidates beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_models import toy_table

from ghn.errors import DataError
from ghn.spaces.nasbench201.space import NASBench201
from ghn.tables.references import ReferenceTable, aligned, some_of, table_reference
from ghn.tasks import ImageTask
from ghn.types import Reference


@pytest.fixture(scope="module")
def most(toy_space: NASBench201) -> list[str]:
    return toy_space.benchmark().candidates(50, "development")


def write(table: ReferenceTable, path: Path) -> Path:
    table.save(path)
    return path


def test_own_references_with_their_seeds(
    most: list[str], toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path
) -> None:
    table = toy_table(most[:20], toy_space, toy_task, seeds=3)
    path = write(table, tmp_path / "own.jsonl")
    reference = table_reference(path, toy_space, toy_task.checksum)
    assert str(path) in reference.name and "2 epochs" in reference.name and reference.note is None
    assert set(reference.values) == set(most[:20]) and set(reference.seeds) == set(most[:12])
    index, values, seeds = aligned(reference, [most[30], *most[5:20]])
    assert index == list(range(1, 16)) and seeds is not None and seeds.shape == (15, 3)
    means = [np.mean([run.test_accuracy for run in table.of(arch)]) for arch in most[5:20]]
    assert values == pytest.approx(means)
    assert np.isfinite(seeds[:7]).all() and np.isnan(seeds[7:]).all()


def test_references_of_other_images_or_another_skeleton_are_refused(
    most: list[str], toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path
) -> None:
    path = write(toy_table(most[:10], toy_space, toy_task), tmp_path / "own.jsonl")
    with pytest.raises(DataError, match="task_checksum"):
        table_reference(path, toy_space, "other")
    with pytest.raises(DataError, match="skeleton"):
        table_reference(path, NASBench201((3, 8, 8), 4, width=8, depth=1), toy_task.checksum)
    with pytest.raises(DataError, match=r"nowhere\.jsonl"):
        table_reference(tmp_path / "nowhere.jsonl", toy_space, toy_task.checksum)


def test_too_few_candidates_with_a_reference(most: list[str]) -> None:
    reference = Reference("made up", "%", dict.fromkeys(most[:9], 0.5), {})
    with pytest.raises(DataError, match=r"made up[\s\S]*got:\s+9[\s\S]*at least 10"):
        aligned(reference, most[:50])
    reference = Reference("made up", "%", {arch: i / 10 for i, arch in enumerate(most[:10])}, {})
    index, values, seeds = aligned(reference, most[:50])
    assert index == list(range(10)) and values.tolist() == [i / 10 for i in range(10)] and seeds is None


def test_a_part_of_a_reference_is_drawn_and_not_its_beginning() -> None:
    archs = [f"{i:03d}" for i in range(200)]
    reference = Reference("any", "test accuracy", dict.fromkeys(archs, 0.5), {})
    part = some_of(reference, 40)
    assert len(set(part)) == 40 and set(part) < set(archs) and part == some_of(reference, 40)
    assert part[:20] == some_of(reference, 20) and sum(arch < "100" for arch in part) in range(10, 31)
    assert some_of(reference, 200) == some_of(reference, 1000) == archs
