from collections import Counter

import pytest
import torch
import toy

from ghn.errors import ConfigError
from ghn.spaces import DARTS
from ghn.train.meta import ArchitectureSampler, ImageSampler

CPU = torch.device("cpu")


@pytest.mark.parametrize(("size", "batch"), [(80, 16), (85, 16), (7, 7)])
def test_no_image_comes_twice_in_an_epoch(size, batch):
    sampler = ImageSampler(size, batch, seed=3, device=CPU)
    steps = size // batch
    orders = []
    for epoch in range(3):
        seen = torch.cat([sampler(epoch * steps + k) for k in range(steps)])
        assert len(seen) == steps * batch == len(set(seen.tolist()))
        assert seen.min() >= 0 and seen.max() < size
        orders.append(seen.tolist())
    assert len({tuple(o) for o in orders}) == 3


def test_images_left_out_at_the_end_of_an_epoch_come_in_another():
    sampler = ImageSampler(85, 16, seed=0, device=CPU)
    assert set(torch.cat([sampler(step) for step in range(40)]).tolist()) == set(range(85))


def test_images_are_a_function_of_seed_and_step():
    straight = [ImageSampler(80, 16, 3, CPU)(step).tolist() for step in range(12)]
    jumping = ImageSampler(80, 16, 3, CPU)
    assert [jumping(step).tolist() for step in (7, 0, 11, 3)] == [straight[s] for s in (7, 0, 11, 3)]
    assert ImageSampler(80, 16, 4, CPU)(0).tolist() != straight[0]


@pytest.mark.parametrize("sampling", ["distinct", "uniform"])
def test_architectures_are_a_function_of_seed_and_step(sampling):
    first, again, other = (ArchitectureSampler(toy.SPACE, sampling, seed) for seed in (0, 0, 1))
    straight = [first(step, 8) for step in range(6)]
    assert [again(step, 8) for step in (4, 0)] == [straight[4], straight[0]]
    assert other(0, 8) != straight[0]
    assert straight[0] != straight[1]


def test_distinct_draws_functions_uniformly():
    """The function that is zero everywhere has 341 descriptions of 15,625, and is one function of 4,930."""
    share = {}
    for sampling in ("distinct", "uniform"):
        sampler = ArchitectureSampler(toy.SPACE, sampling, 0)
        drawn = [toy.SPACE.canonical(a) for step in range(100) for a in sampler(step, 20)]
        share[sampling] = Counter(drawn)[""] / len(drawn)
    zero = sum(toy.SPACE.canonical(a) == "" for a in toy.SPACE) / len(toy.SPACE)
    assert share["uniform"] == pytest.approx(zero, abs=0.03)
    assert share["uniform"] > 10 * share["distinct"]


@pytest.mark.parametrize("sampling", ["distinct", "uniform"])
def test_what_is_excluded_is_never_drawn(sampling):
    plain = ArchitectureSampler(toy.SPACE, "uniform", 0)
    held_out = frozenset(toy.SPACE.canonical(a) for a in plain(0, 300))
    sampler = ArchitectureSampler(toy.SPACE, sampling, 0, exclude=held_out)
    drawn = [toy.SPACE.canonical(a) for step in range(40) for a in sampler(step, 10)]
    assert len(drawn) == 400 and not held_out & set(drawn)


def test_a_space_that_cannot_list_its_functions():
    with pytest.raises(ConfigError, match=r"space darts cannot list its functions(?s:.*)sampling=uniform"):
        ArchitectureSampler(DARTS((3, 8, 8), 4), "distinct", 0)
