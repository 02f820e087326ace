"""Path features of cells, against what is counted by hand."""

import pytest

from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.cells import path_features, paths
from ghn.spaces.nasbench201.network import EDGES

SPACE = NASBench201((3, 8, 8), 4)
ROLES = {"conv": "c3", "pointwise": "c1", "pool": "p"}


def test_paths_are_all_ways_through_without_skips():
    ops = ("c3", "skip", "p", "none", "c1", "skip")  # 0-1, 0-2, 1-2, 0-3, 1-3, 2-3
    found = paths(EDGES, ops, none="none", skip="skip")
    assert sorted(found) == sorted([("c3", "c1"), ("c3", "p"), ()])
    features = path_features(found, **ROLES)
    assert features["paths"] == features["different_paths"] == 3 and features["empty_paths"] == 1
    assert (features["least_convs"], features["mean_convs"], features["most_convs"]) == (0, pytest.approx(1), 2)
    assert (features["most_large_convs"], features["most_pools"], features["mean_length"]) == (
        1,
        1,
        pytest.approx(4 / 3),
    )


def test_a_cell_without_a_path_is_worse_than_any_with_one():
    features = path_features([], **ROLES)
    assert features["paths"] == 0 and features["most_convs"] == -1 and features["least_pools"] == 4


def test_what_is_cut_off_does_not_count():
    dead = ("nor_conv_3x3", "none", "nor_conv_3x3", "nor_conv_1x1", "none", "none")  # 0-1-2 leads nowhere
    assert SPACE.encode(dead) == SPACE.encode(("none", "none", "none", "nor_conv_1x1", "none", "none"))
    assert SPACE.encode(dead)["count_pointwise"] == 1 and SPACE.encode(dead)["count_conv"] == 0


def test_most_functions_of_the_space_have_an_encoding_of_their_own():
    encodings = {tuple(SPACE.encode(arch).values()) for arch in SPACE.distinct()}
    assert len({len(e) for e in encodings}) == 1 and len(encodings) > 1000
