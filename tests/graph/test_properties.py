"""Properties of networks, in both spaces."""

from __future__ import annotations

from ghn.graph.properties import PROPERTIES, graph_properties, phrase
from ghn.graph.simplify import simplify
from ghn.graph.stats import count_params
from ghn.spaces.nasbench201.space import NASBench201

SPACE = NASBench201((3, 8, 8), 10, width=4, depth=1)
SKIP = ("skip_connect",) * 6
NONE = ("none",) * 6
CONV = ("nor_conv_3x3",) * 6


def test_by_hand_in_nasbench201() -> None:
    skip, conv, none = (graph_properties(SPACE.network(cell).graph) for cell in (SKIP, CONV, NONE))
    # The skeleton alone has the stem, and two reductions of two convolutions beside a pooling and one.
    assert (skip["convolutions"], skip["depth"], skip["pools"], skip["skips"]) == (7, 5, 2, 18)
    assert skip["distance"] == 1 + 2 * 2
    assert (conv["convolutions"], conv["depth"], conv["skips"]) == (7 + 18, 5 + 9, 0)
    assert conv["distance"] == 1 + 2 * 2 + 3
    assert conv["width"] > skip["width"] > none["width"] == 0
    assert {none[name] for name in ("convolutions", "depth", "skips", "pools", "distance")} == {0}
    assert conv["live parameters"] == count_params(simplify(SPACE.network(CONV).graph))


def test_dead_operations_do_not_count() -> None:
    # Nothing reads node 1, so the edge to it is dead: this is the cell of one skip.
    dead = ("nor_conv_3x3", "none", "none", "skip_connect", "none", "none")
    alone = ("none", "none", "none", "skip_connect", "none", "none")
    assert graph_properties(SPACE.network(dead).graph) == graph_properties(SPACE.network(alone).graph)
    assert graph_properties(SPACE.network(dead).graph)["skips"] == 3


def test_phrases() -> None:
    assert phrase("depth", True) == "deep networks"
    assert phrase("convolutions", False) == "networks with few convolutions"
    assert phrase("my own", True) == "networks with a high my own"
    assert all(phrase(name, True) != f"networks with a high {name}" for name in PROPERTIES)
