"""Paths of cells: their features, against what is counted by hand, and how cells grow by a path."""

import pytest

from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.cells import EdgeCell, path_features
from ghn.spaces.nasbench201.space import EDGES

SPACE = NASBench201((3, 8, 8), 4)
ROLES = {"conv": "c3", "pointwise": "c1", "pool": "p"}


def test_paths_are_all_ways_through_without_skips():
    ops = ("c3", "skip", "p", "none", "c1", "skip")  # 0-1, 0-2, 1-2, 0-3, 1-3, 2-3
    found = EdgeCell(EDGES, ops, ("none", "skip", "c1", "c3", "p")).paths()
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


def test_chains_are_single_paths() -> None:
    found = list(SPACE.simplest())
    assert len(found) == len(set(found)) == 4 + 4**2 + 4**2 + 4**3
    assert all(len(SPACE.cell(arch).paths()) == 1 and SPACE.cell(arch).ops == arch for arch in found)


def test_growing_keeps_what_is_there_and_adds_live_edges_only() -> None:
    start = ("none", "none", "none", "nor_conv_3x3", "none", "none")
    found = list(SPACE.expand(start))
    assert len(found) == len(set(found)) == 2 * 4**2 + 4**3  # through node 1, node 2, or both
    for arch in found:
        assert arch[3] == "nor_conv_3x3" and SPACE.cell(arch).ops == arch
    assert list(SPACE.expand(("nor_conv_1x1",) * 6)) == []


def test_every_function_grows_out_of_a_chain() -> None:
    seen, level = set(SPACE.simplest()), set(SPACE.simplest())
    while level := {b for a in level for b in SPACE.expand(a)} - seen:
        seen |= level
    cut_off = SPACE.canonical(("none",) * 6)
    assert {SPACE.canonical(a) for a in seen} == {SPACE.canonical(a) for a in SPACE.distinct()} - {cut_off}


def test_cells_of_other_shapes() -> None:
    assert list(EdgeCell([(0, 1), (1, 2)], ["none"] * 2, ["none", "skip", "a"]).grown()) == [
        (x, y) for x in ("skip", "a") for y in ("skip", "a")
    ]
    diamond = EdgeCell([(0, 1), (0, 2), (1, 3), (2, 3)], ["a", "none", "a", "none"], ["none", "skip", "a"])
    assert [ops[1::2] for ops in diamond.grown()] == [(x, y) for x in ("skip", "a") for y in ("skip", "a")]
