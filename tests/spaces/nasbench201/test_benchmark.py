"""Which networks are judged, in which order, and what is known of them."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from ghn.analysis.correlation import ceiling
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, MissingExtraError
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.benchmark import EMBEDDED, load_sample
from ghn.tables.references import ReferenceTable, aligned
from ghn.tasks import make_task


@pytest.fixture(scope="module")
def most(toy_space: NASBench201) -> list[str]:
    return toy_space.benchmark().candidates(3930, "development")


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
        assert toy_space.benchmark().candidates(n, "development") == most[:n]
    full = NASBench201((3, 32, 32), classes=10)
    assert full.benchmark().candidates(700, "development") == most[:700]  # neither skeleton nor images enter


@pytest.mark.parametrize(("sample", "n"), [("report", 100), ("report", 300), ("development", 60)])
def test_a_part_of_a_sample_stands_for_all_of_it(toy_space: NASBench201, sample: str, n: int) -> None:
    """The files are in the order of the alphabet: their first third begins with a pooling."""
    first = [str(toy_space.parse(arch)[0]) for arch in toy_space.benchmark().candidates(n, sample)]
    for operation in ("avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3"):  # .28 to .29 of all each
        assert 0.15 < first.count(operation) / n < 0.45


def test_the_report_sample_stands_alone(toy_space: NASBench201) -> None:
    assert toy_space.benchmark().candidates(1000, "report") == load_sample("report").archs()


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
        toy_space.benchmark().candidates(n, sample)
    assert got in str(caught.value)


def test_published_accuracies_of_the_samples_need_no_extra(
    most: list[str], toy_space: NASBench201, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> ReferenceTable:
        raise MissingExtraError("analog-nasbench is not installed")

    monkeypatch.setattr("ghn.spaces.nasbench201.benchmark.read_analog_nasbench", missing)
    archs = [*most[:500], *load_sample("report").archs()]
    reference = toy_space.benchmark().published(archs)
    assert list(reference.values) == archs
    gaps = [abs(sum(pair) / 2 - reference.values[arch]) for arch, pair in reference.seeds.items()]
    assert len(gaps) > 200 and np.median(gaps) < 0.001  # two of the cells whose mean the value is
    assert not toy_space.benchmark().published(archs[:20]).seeds  # fewer twins than can be ranked
    assert all(0.09 < value < 0.95 for value in reference.values.values())
    with pytest.raises(MissingExtraError):
        toy_space.benchmark().published(most[:501])


@pytest.mark.skipif(find_spec("analognasbench") is None, reason="needs the extra nasbench")
def test_published_accuracies_of_the_rest_come_from_the_full_table(most: list[str], toy_space: NASBench201) -> None:
    chosen = [*most[:3], *most[500:503]]
    found = toy_space.benchmark().published(chosen).values
    assert list(found) == chosen and all(0.09 < value < 0.95 for value in found.values())
    known = toy_space.benchmark().published(most[:3]).values
    assert [found[arch] for arch in known] == pytest.approx(list(known.values()), abs=1e-6)


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
    reference = space.benchmark().trained(task.checksum)
    index, values, aligned_seeds = aligned(reference, most[:300])
    assert len(index) >= 96 and aligned_seeds is not None
    assert ceiling(aligned_seeds, bootstrap=20)["kendall"].value > 0.5
    assert 0.3 < values.max() < 0.9 and values.min() > 0.05
