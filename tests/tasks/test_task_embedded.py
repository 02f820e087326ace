"""The shipped sample of CIFAR-10, and its relation to the full data where that is on the machine."""

import hashlib
import time

import pytest
import torch

from ghn.assets import asset
from ghn.errors import DataError
from ghn.tasks import data_root, make_task
from ghn.tasks.embedded import FILE, SHA256, pack_images, read_embedded, unpack_images
from ghn.tasks.sampling import digests


@pytest.fixture(scope="module")
def embedded():
    return make_task("cifar10_embedded")


def test_counts_and_stratification(embedded):
    assert embedded.image_size == (16, 16) and embedded.channels == 3 and embedded.classes == 10
    counts = {title: split.labels.bincount().tolist() for title, split in embedded.splits().items()}
    assert counts == {"train": [1000] * 10, "val": [250] * 10, "test": [250] * 10}


def test_splits_are_disjoint_and_mixed(embedded):
    assert len({digest for split in embedded.splits().values() for digest in digests(split.images)}) == 15_000
    for split in embedded.splits().values():
        assert all(len(stretch.unique()) == 10 for stretch in split.labels.split(250)), "sorted by class?"


def test_the_contents_never_change(embedded):
    assert embedded.checksum == "9b2c3c58776b1fe73837a03cb77d1772926dcb09c05f659b12aa4e9911fc50e4"
    x, _ = embedded.train.batch(slice(0, 10_000))
    assert x.mean((0, 2, 3)).abs().max() < 0.01 and (x.std((0, 2, 3)) - 1).abs().max() < 0.01


def test_the_file_is_small_verified_and_quick_to_load():
    path = asset(FILE)
    assert path.stat().st_size < 10e6 and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    start = time.process_time()  # which other programs do not lengthen
    make_task("cifar10_embedded")
    assert time.process_time() - start < 3  # 0.25 s


@pytest.mark.parametrize("damage", [lambda raw: raw[:-100], lambda raw: raw[:500] + b"x" + raw[501:]])
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.npz"
    path.write_bytes(damage(asset(FILE).read_bytes()))
    with pytest.raises(DataError, match=r"(?s)not the ones shipped.*got:.*expected:.*to do:"):
        read_embedded(path, SHA256)


def test_packing_is_lossless(embedded):
    images = embedded.val.images[:100]
    assert torch.equal(unpack_images(pack_images(images)), images)


def test_each_split_is_part_of_the_full_split(embedded):
    if not (data_root() / "ghn" / "cifar10.npz").exists():
        pytest.skip("the full CIFAR-10 is not on this machine")
    full = make_task("cifar10", size=16, download=False)
    assert {title: len(split) for title, split in full.splits().items()} == {
        "train": 45_000,
        "val": 5_000,
        "test": 10_000,
    }
    for title, split in embedded.splits().items():
        whole = full.splits()[title]
        known = set(zip(digests(whole.images), whole.labels.tolist(), strict=True))
        assert set(zip(digests(split.images), split.labels.tolist(), strict=True)) <= known
        assert split.normalisation == whole.normalisation
