"""Cells that grow by a path."""

from __future__ import annotations

from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.cells import EdgeCell, chains, grown

SPACE = NASBench201((3, 8, 8), classes=4)


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
    assert list(chains([(0, 1), (1, 2)], ["none", "skip", "a"])) == [
        (x, y) for x in ("skip", "a") for y in ("skip", "a")
    ]
    diamond = EdgeCell([(0, 1), (0, 2), (1, 3), (2, 3)], ["a", "none", "a", "none"], ["none", "skip", "a"])
    assert [ops[1::2] for ops in grown(diamond)] == [(x, y) for x in ("skip", "a") for y in ("skip", "a")]
