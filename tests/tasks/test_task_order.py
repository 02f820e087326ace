"""Content order, stratified picks, resizing and augmentation."""

import pytest
import torch

from ghn.errors import ConfigError, DataError
from ghn.tasks.sampling import class_quota, hold_out, permutation, sort_by_content, stratified
from ghn.tasks.transforms import augment, resize


def test_content_order_and_checksum_do_not_depend_on_the_source(pool):
    images, labels = pool
    shuffle = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    one, two = sort_by_content(images, labels), sort_by_content(images[shuffle], labels[shuffle])
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1]) and one[2] == two[2]
    assert sort_by_content(images, labels.flip(0))[2] != one[2], "the checksum is of pairs"


def test_quota_is_proportional_by_largest_remainders():
    labels = torch.tensor([0] * 50 + [1] * 30 + [4] * 20)
    assert class_quota(labels, 10) == {0: 5, 1: 3, 4: 2}
    assert class_quota(labels, 7) == {0: 4, 1: 2, 4: 1}  # 3.5, 2.1, 1.4
    assert class_quota(labels, 100) == {0: 50, 1: 30, 4: 20}
    for count in (0, 101, -1):
        with pytest.raises(DataError, match="1 to 100"):
            class_quota(labels, count)


def test_picks_never_change():
    """They are behind every published split: Python's first eight numbers after seed 0, by rank."""
    assert permutation(8, 0).tolist() == [3, 7, 5, 2, 4, 1, 6, 0]
    assert stratified(torch.tensor([0, 1, 1] * 4), 6, seed=0).tolist() == [7, 9, 5, 8, 3, 2]


def test_stratified_without_seed_takes_the_first_of_each_class(pool):
    index = stratified(pool[1], 20)
    assert sorted(index.tolist()) == [*range(10), *range(30, 36), *range(48, 52)]


def test_hold_out_parts_are_disjoint_and_complete(pool):
    kept, held = hold_out(pool[1], 12, seed=5)
    assert sorted([*kept.tolist(), *held.tolist()]) == list(range(60))
    assert pool[1][held].bincount().tolist() == [6, 4, 2]


def test_halving_is_the_rounded_mean_of_2x2_blocks(pool):
    blocks = torch.nn.functional.avg_pool2d(pool[0].double(), 2)
    assert torch.equal(resize(pool[0], 4), (blocks + 0.5).floor().byte())
    assert resize(torch.tensor([[[[0, 1], [1, 0]]]], dtype=torch.uint8), 1).item() == 1  # halves go up


@pytest.mark.parametrize("size", [5, (4, 2), 16])
def test_other_sizes_keep_constant_images_constant(size):
    images = torch.full((5000, 1, 8, 8), 200, dtype=torch.uint8)
    small = resize(images, size)
    assert small.shape == (5000, 1, *(size if isinstance(size, tuple) else (size, size))) and (small == 200).all()


def test_the_same_size_is_the_same_tensor(pool):
    assert resize(pool[0], (8, 8)) is pool[0]


@pytest.mark.parametrize("size", [0, -4, (4,), (4, 0), (4.0, 4)])
def test_bad_sizes_are_refused(pool, size):
    with pytest.raises(ConfigError, match="image size"):
        resize(pool[0], size)


def test_augment_shifts_and_flips_each_image_by_itself():
    images = torch.arange(1.0, 37).reshape(1, 1, 6, 6).repeat(64, 1, 1, 1)
    out = augment(images, torch.Generator().manual_seed(0), pad=1)
    padded = torch.nn.functional.pad(images[0, 0], [1] * 4)
    views = [padded[i : i + 6, j : j + 6] for i in range(3) for j in range(3)]
    views += [view.flip(1) for view in views]
    seen = {next(k for k, view in enumerate(views) if torch.equal(view, image[0])) for image in out}
    assert len(seen) > 12, "64 draws out of 18 equally likely views"


def test_augment_is_driven_by_its_generator_alone():
    images, generator = torch.rand(8, 3, 8, 8), torch.Generator().manual_seed(3)
    first, state = augment(images, generator), generator.get_state()
    second = augment(images, generator)
    generator.set_state(state)
    torch.rand(3)  # the global generator is of no account
    assert torch.equal(second, augment(images, generator)) and not torch.equal(first, second)
    assert torch.equal(augment(images, generator, pad=0, flip=False), images)
    with pytest.raises(ConfigError, match="pad"):
        augment(images, generator, pad=-1)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_augment_on_cuda():
    images = torch.rand(8, 3, 8, 8)
    by_cpu = [augment(x, torch.Generator().manual_seed(0)) for x in (images, images.cuda())]
    assert torch.equal(by_cpu[0], by_cpu[1].cpu())
    assert augment(images.cuda(), torch.Generator("cuda").manual_seed(0)).is_cuda
