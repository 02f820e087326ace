"""Content order and stratified picks."""

import pytest
import torch

from ghn.errors import DataError
from ghn.tasks.sampling import class_quota, hold_out, permutation, sort_by_content, stratified


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
