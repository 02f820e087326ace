"""Which networks are judged, in which order, and what is known of them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from toy_models import toy_table

from ghn.analysis.correlation import ceiling
from ghn.app.candidates import EMBEDDED, Reference, aligned, choose_candidates, embedded_reference, published_reference
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.samples import load_sample
from ghn.tables.references import ReferenceTable
from ghn.tasks import ImageTask, make_task


@pytest.fixture(scope="module")
def most(toy_space: NASBench201) -> list[str]:
    return choose_candidates(3930, "development", toy_space)


def test_the_embedded_references_come_first(most: list[str]) -> None:
    sample = load_sample("development")
    assert most[:80] == sample.archs("embedded-random") and most[80:96] == sample.archs("embedded-top")
    assert most[96:500] == sample.archs("random")


def test_candidates_are_distinct_and_none_is_kept_for_the_report(most: list[str], toy_space: NASBench201) -> None:
    keys = {toy_space.canonical(toy_space.parse(arch)) for arch in most}
    kept = {toy_space.canonical(toy_space.parse(arch)) for arch in load_sample("report").archs()}
    assert len(keys) == len(most) == 4930 - 1000 and not keys & kept


def test_fewer_candidates_are_the_first_of_more(most: list[str], toy_space: NASBench201) -> None:
    for n in (1, 96, 500, 501, 1200):
        assert choose_candidates(n, "development", toy_space) == most[:n]
    full = NASBench201((3, 32, 32), classes=10)
    assert choose_candidates(700, "development", full) == most[:700]  # neither skeleton nor images enter


@pytest.mark.parametrize(("sample", "n"), [("report", 100), ("report", 300), ("development", 60)])
def test_a_part_of_a_sample_stands_for_all_of_it(toy_space: NASBench201, sample: str, n: int) -> None:
    """The files are in the order of the alphabet: their first third begins with a pooling."""
    first = [str(toy_space.parse(arch)[0]) for arch in choose_candidates(n, sample, toy_space)]
    for operation in ("avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3"):  # .28 to .29 of all each
        assert 0.15 < first.count(operation) / n < 0.45


def test_the_report_sample_stands_alone(toy_space: NASBench201) -> None:
    assert choose_candidates(1000, "report", toy_space) == load_sample("report").archs()


@pytest.mark.parametrize(
    ("n", "sample", "got"),
    [
        (0, "development", "1 to 500"),
        (3931, "development", "1 to 3930"),
        (1001, "report", "1 to 1000"),
        ("many", "development", "many"),
        (10, "test", "development | report"),
    ],
)
def test_what_a_sample_cannot_give(toy_space: NASBench201, n: int, sample: str, got: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_candidates(n, sample, toy_space)
    assert got in str(caught.value)


def test_published_accuracies_of_the_samples_need_no_extra(
    most: list[str], toy_space: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> ReferenceTable:
        raise MissingExtraError("analog-nasbench is not installed")

    monkeypatch.setattr("ghn.app.candidates.read_analog_nasbench", missing)
    archs = [*most[:500], *load_sample("report").archs()]
    reference = published_reference(archs, toy_space)
    assert list(reference.values) == archs
    gaps = [abs(sum(pair) / 2 - reference.values[arch]) for arch, pair in reference.seeds.items()]
    assert len(gaps) > 200 and np.median(gaps) < 0.001  # two of the cells whose mean the value is
    assert not published_reference(archs[:20], toy_space).seeds  # fewer twins than can be ranked
    assert all(0.09 < value < 0.95 for value in reference.values.values())
    with pytest.raises(MissingExtraError):
        published_reference(most[:501], toy_space)


@pytest.mark.skipif(find_spec("analognasbench") is None, reason="needs the extra nasbench")
def test_published_accuracies_of_the_rest_come_from_the_full_table(most: list[str], toy_space: NASBench201) -> None:
    chosen = [*most[:3], *most[500:503]]
    found = published_reference(chosen, toy_space).values
    assert list(found) == chosen and all(0.09 < value < 0.95 for value in found.values())
    known = published_reference(most[:3], toy_space).values
    assert [found[arch] for arch in known] == pytest.approx(list(known.values()), abs=1e-6)


def write(table: ReferenceTable, path: Path) -> Path:
    table.save(path)
    return path


def test_own_references_with_their_seeds(
    most: list[str], toy_space: NASBench201, toy_task: ImageTask, tmp_path: Path
) -> None:
    table = toy_table(most[:20], toy_space, toy_task, seeds=3)
    path = write(table, tmp_path / "own.jsonl")
    reference = embedded_reference(toy_task.checksum, toy_space, path)
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
        embedded_reference("other", toy_space, path)
    with pytest.raises(DataError, match="skeleton"):
        embedded_reference(toy_task.checksum, NASBench201((3, 8, 8), 4, width=8, depth=1), path)
    with pytest.raises(DataError, match=r"nowhere\.jsonl"):
        embedded_reference(toy_task.checksum, toy_space, tmp_path / "nowhere.jsonl")


def test_too_few_candidates_with_a_reference(most: list[str]) -> None:
    reference = Reference("made up", "%", dict.fromkeys(most[:9], 0.5), {})
    with pytest.raises(DataError, match=r"made up[\s\S]*got:\s+9[\s\S]*at least 10"):
        aligned(reference, most[:50])
    reference = Reference("made up", "%", {arch: i / 10 for i, arch in enumerate(most[:10])}, {})
    index, values, seeds = aligned(reference, most[:50])
    assert index == list(range(10)) and values.tolist() == [i / 10 for i in range(10)] and seeds is None


@pytest.fixture(scope="module")
def shipped() -> ReferenceTable:
    try:
        return ReferenceTable.load(asset(EMBEDDED))
    except DataError as error:
        if "is missing" not in str(error):
            raise
        pytest.skip("the embedded references are still being trained")


def test_the_embedded_references_are_what_they_should_be(shipped: ReferenceTable, most: list[str]) -> None:
    task = make_task("cifar10_embedded")
    space = NASBench201((task.channels, *task.image_size), task.classes, width=8, depth=1)
    shipped.check(space=space.name, task_checksum=task.checksum, skeleton=space.describe())
    assert set(shipped.archs()) >= set(most[:96])
    assert len({space.canonical(space.parse(arch)) for arch in shipped.archs()}) == len(shipped.archs())
    assert all(run.epochs == tuple(range(1, 21)) and len(run.val_accuracy) == 20 for run in shipped.runs)
    assert all(run.test_accuracy and run.seconds and run.params for run in shipped.runs)
    archs, seeds = shipped.seeds("test_accuracy")
    assert seeds.shape == (16, 3) and len(archs) == 16
    reference = embedded_reference(task.checksum, space)
    index, values, aligned_seeds = aligned(reference, most[:300])
    assert len(index) >= 96 and aligned_seeds is not None
    assert ceiling(aligned_seeds, bootstrap=20)["kendall"].value > 0.5
    assert 0.3 < values.max() < 0.9 and values.min() > 0.05
