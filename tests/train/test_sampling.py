from collections import Counter

import pytest
import torch
import toy

from ghn.errors import ConfigError
from ghn.spaces import DARTS
from ghn.tasks.memory import ArraySplit
from ghn.train.meta import ArchitectureSampler, StepBatches

CPU = torch.device("cpu")


def sampler_of(size, batch, seed):
    """Steps to the numbers of the items in their batches."""
    numbers = torch.arange(size)
    batches = StepBatches(ArraySplit(numbers[:, None], numbers), batch, seed, CPU)
    return lambda step: batches(step)[1]


@pytest.mark.parametrize(("size", "batch"), [(80, 16), (85, 16), (7, 7)])
def test_no_image_comes_twice_in_an_epoch(size, batch):
    sampler = sampler_of(size, batch, 3)
    steps = size // batch
    orders = []
    for epoch in range(3):
        seen = torch.cat([sampler(epoch * steps + k) for k in range(steps)])
        assert len(seen) == steps * batch == len(set(seen.tolist()))
        assert seen.min() >= 0 and seen.max() < size
        orders.append(seen.tolist())
    assert len({tuple(o) for o in orders}) == 3


def test_images_left_out_at_the_end_of_an_epoch_come_in_another():
    sampler = sampler_of(85, 16, 0)
    assert set(torch.cat([sampler(step) for step in range(40)]).tolist()) == set(range(85))


def test_images_are_a_function_of_seed_and_step():
    straight = [sampler_of(80, 16, 3)(step).tolist() for step in range(12)]
    jumping = sampler_of(80, 16, 3)
    assert [jumping(step).tolist() for step in (7, 0, 11, 3)] == [straight[s] for s in (7, 0, 11, 3)]
    in_turn = sampler_of(80, 16, 3)
    assert [in_turn(step).tolist() for step in range(12)] == straight
    assert sampler_of(80, 16, 4)(0).tolist() != straight[0]
    order = torch.randperm(80, generator=torch.Generator().manual_seed(3 * 1_000_003 + 1))
    assert straight[7] == order[32:48].tolist(), "recorded trainings go by this draw"


def test_a_small_split_fills_a_batch_in_several_passes():
    sampler = sampler_of(30, 64, 0)
    first, again = sampler(0), sampler(0)
    assert first.tolist() == again.tolist() != sampler(1).tolist()
    assert len(first) == 64
    assert sorted(first[:30].tolist()) == sorted(first[30:60].tolist()) == list(range(30))


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
