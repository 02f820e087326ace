"""Statistics and properties of networks by hand; paths, width and live nodes of a graph."""

from __future__ import annotations

import pytest

from ghn.graph import GraphBuilder, count_params, graph_stats, simplify
from ghn.graph.ir import Graph, Node
from ghn.graph.stats import (
    PROPERTIES,
    channels_alive,
    graph_properties,
    live_nodes,
    longest_path,
    phrase,
    shortest_path,
)
from ghn.spaces import NASBench201

BENCHMARK = NASBench201((3, 32, 32), classes=10, width=16, depth=5)


@pytest.mark.parametrize(
    ("op", "params"),
    [("nor_conv_3x3", 1_531_546), ("nor_conv_1x1", 241_306), ("skip_connect", 73_306), ("none", 73_306)],
)
def test_golden_parameter_counts_of_the_benchmark(op, params):
    graph = BENCHMARK.network((op,) * 6).graph
    assert count_params(graph) == graph_stats(graph).params == params


def test_only_the_class_head_is_live_in_a_network_cut_off_from_its_input():
    assert graph_stats(simplify(BENCHMARK.network(("none",) * 6).graph)).params == 64 * 10 + 10


def test_multiply_adds_of_a_network_by_hand():
    """All skip, C=2, N=1, 4x4 images: those of convolutions and of the linear layer alone."""
    stem = 2 * 16 * (3 * 9)
    first = 4 * 4 * (2 * 9) + 4 * 4 * (4 * 9) + 4 * 4 * 2  # two 3x3 convolutions at 2x2, and the shortcut's 1x1
    second = 8 * 1 * (4 * 9) + 8 * 1 * (8 * 9) + 8 * 1 * 4
    head = 8 * 10
    graph = NASBench201((3, 4, 4), classes=10, width=2, depth=1).network(("skip_connect",) * 6).graph
    assert graph_stats(graph).macs == stem + first + second + head


@pytest.mark.parametrize(
    ("arch", "macs"),
    [
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
            220_119_680,
        ),
        ("|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|", 15_647_360),
    ],
)
def test_published_multiply_adds(arch, macs):
    """The benchmark's own counts for CIFAR-10, 220.11968 M and 15.64736 M: neither norms nor pools nor sums count."""
    assert graph_stats(BENCHMARK.network(BENCHMARK.parse(arch)).graph).macs == macs


def test_depth_and_width_and_operations():
    b = GraphBuilder((3, 8, 8))
    a = b.add("conv", b.input, name="a", out=4, kernel=3, padding=1)
    left = b.add("conv", b.add("relu", a, name="relu"), name="left", out=4, kernel=1)
    left = b.add("batch_norm", left, name="norm")
    right = b.add("max_pool", a, name="right", kernel=3, padding=1)
    more = b.add("identity", a, name="more")
    total = b.add("sum", left, right, more, name="sum")
    graph = b.build(b.add("linear", b.add("global_pool", total, name="pool"), name="head", out=2))
    stats = graph_stats(graph)
    assert stats.depth == 4  # a, left, norm, head
    assert stats.width == 3  # relu, right, more
    once = ("input", "relu", "batch_norm", "max_pool", "identity", "sum", "global_pool", "linear")
    assert stats.ops == {"conv": 2, **dict.fromkeys(once, 1)}
    assert stats.kernels == {3: 1, 1: 1}
    assert stats.params == 4 * 3 * 9 + 4 * 4 + 8 + 4 * 2 + 2


def test_depth_grows_with_the_number_of_cells():
    depths = [graph_stats(NASBench201((3, 8, 8), 10, 4, n).network(("nor_conv_3x3",) * 6).graph).depth for n in (1, 2)]
    per_cell = 3 * 2  # three edges in a row, a convolution and a normalisation each
    assert depths == [2 + 3 * per_cell + 2 * 4 + 2, 2 + 6 * per_cell + 2 * 4 + 2]


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
