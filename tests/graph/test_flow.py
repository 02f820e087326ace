"""Paths, width and live nodes of a graph, by hand."""

from __future__ import annotations

import pytest

from ghn.graph import GraphBuilder
from ghn.graph.ir import Graph, Node
from ghn.graph.stats import channels_alive, live_nodes, longest_path, shortest_path


def conv(node: Node) -> bool:
    return node.op == "conv"


def branches() -> Graph:
    """Two convolutions in a row beside one and a skip, summed; and one that nothing reads."""
    b = GraphBuilder((4, 8, 8))
    first = b.add("conv", b.input, name="a1", out=4, kernel=3, padding=1)
    second = b.add("conv", first, name="a2", out=4, kernel=3, padding=1)
    beside = b.add("conv", b.input, name="b", out=4, kernel=1)
    skip = b.add("identity", b.input, name="skip")
    b.add("conv", second, name="dead", out=64, kernel=1)
    x = b.add("sum", second, beside, skip, name="sum")
    return b.build(b.add("global_pool", x, name="pool"))


def test_paths() -> None:
    graph = branches()
    assert longest_path(graph, conv) == 2
    assert shortest_path(graph, conv) == 0  # along the skip
    assert longest_path(graph, lambda node: node.op != "input") == 4


def test_what_nothing_reads_is_dead() -> None:
    graph = branches()
    dead = [node.name for node, live in zip(graph.nodes, live_nodes(graph), strict=True) if not live]
    assert dead == ["dead"]


def test_channels_alive() -> None:
    # After the first layer: the input (still to be read by the sum), a1 and b; the skip is the input itself.
    assert channels_alive(branches()) == 3 * 4


@pytest.mark.parametrize("cut", ["whole", "partly"])
def test_zeros_cut_paths(cut: str) -> None:
    b = GraphBuilder((4, 8, 8))
    nothing = b.add("zero", b.input, name="zero", c=4, h=8, w=8)
    dead = b.add("conv", nothing, name="dead", out=4, kernel=1)
    alive = b.add("conv", b.input, name="alive", out=4, kernel=1)
    x = b.add("sum", *([dead, nothing] if cut == "whole" else [dead, alive]), name="sum")
    graph = b.build(b.add("relu", x, name="relu"))
    assert longest_path(graph, conv) == shortest_path(graph, conv) == (0 if cut == "whole" else 1)
    assert sum(live_nodes(graph)) == (0 if cut == "whole" else 4)
    assert channels_alive(graph) == (0 if cut == "whole" else 4)
