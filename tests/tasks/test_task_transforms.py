"""Sizes of images, and augmentation."""

import pytest
import torch

from ghn.errors import ConfigError
from ghn.tasks.transforms import augment, resize


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
