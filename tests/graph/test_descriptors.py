"""Graph features by hand, against paths that are listed one by one, and of networks of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from random import Random
from statistics import fmean, pstdev

import numpy as np
import pytest
import toy
from hypothesis import given
from hypothesis import strategies as st
from random_graphs import graphs, shuffled

from ghn.graph import Graph, GraphBuilder, count_params, graph_stats, simplify
from ghn.graph.descriptors import aligned, graph_features, names_of
from ghn.spaces import DARTS, ViT


def forked() -> Graph:
    """A stem, then a 1x1 convolution, a pooling that halves, and a sum of three ways."""
    b = GraphBuilder((3, 8, 8))
    x = b.add("relu", b.add("conv", b.input, name="stem", out=4, kernel=3, padding=1), name="relu")
    ways = [b.add("conv", x, name="point", out=4, kernel=1), b.add("max_pool", x, name="max", kernel=3, padding=1), x]
    x = b.add("avg_pool", b.add("sum", *ways, name="sum"), name="half", kernel=2, stride=2)
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=5))


def test_features_by_hand() -> None:
    found = graph_features(forked())
    counts = {
        "conv3": 1,
        "conv1": 1,
        "max_pool3": 1,
        "avg_pool2": 1,
        "relu": 1,
        "sum": 1,
        "global_pool": 1,
        "linear": 1,
    }
    assert {name.removeprefix("count/"): n for name, n in found.items() if name.startswith("count/")} == counts
    assert found["paths"] == log(3)
    assert [found[f"path/layers/{what}"] for what in ("least", "mean", "most")] == pytest.approx([2, 7 / 3, 3])
    assert [found[f"path/large layers/{what}"] for what in ("least", "most", "std")] == [1, 1, 0]
    assert [found[f"path/pools/{what}"] for what in ("least", "mean", "most")] == pytest.approx([1, 4 / 3, 2])
    assert found["path/steps/std"] == pytest.approx(pstdev([4, 4, 3]))
    edges = {name.removeprefix("edges/"): n for name, n in found.items() if name.startswith("edges/")}
    assert edges == {
        "input>conv3": 1,
        "conv3>conv1": 1,
        "conv3>max_pool3": 1,
        "conv3>avg_pool2": 1,
        "conv1>avg_pool2": 1,
        "max_pool3>avg_pool2": 1,
        "avg_pool2>global_pool": 1,
        "global_pool>linear": 1,
    }
    assert (found["nodes"], found["edges"]) == (7, 8)
    assert (found["degree/in/most"], found["degree/out/most"]) == (3, 3)
    assert (found["degree/in/mean"], found["degree/out/mean"]) == (8 / 6, 8 / 6)
    assert [found[f"nodes@{place}"] for place in ("1/1", "1/2", "vector")] == [4, 1, 2]
    assert [found[f"edges@{place}"] for place in ("1/1", "1/2", "vector")] == [3, 3, 2]
    assert found["macs@1/1"] == pytest.approx(log(1 + 64 * 4 * 27 + 64 * 4 * 4)) and "macs@1/2" not in found
    assert found["params@vector"] == pytest.approx(log(1 + 25)) and found["channels@1/1"] == pytest.approx(log(5))


def listed(graph: Graph) -> Iterator[tuple[int, ...]]:
    """Every path from an input to the output."""

    def back(i: int) -> Iterator[tuple[int, ...]]:
        if graph.nodes[i].op == "input":
            yield (i,)
        for j in graph.nodes[i].inputs:
            yield from ((*path, i) for path in back(j))

    return back(len(graph) - 1)


@given(graphs(), st.integers(0, 99))
def test_paths_are_those_that_can_be_listed_and_listings_do_not_matter(graph: Graph, seed: int) -> None:
    graph = simplify(graph)
    found, paths = graph_features(graph), list(listed(graph))
    assert found["paths"] == pytest.approx(log(max(1, len(paths))))
    layers = [sum(graph.nodes[i].operation.mixes for i in path) for path in paths]
    named = [found[f"path/layers/{what}"] for what in ("least", "mean", "most", "std")]
    assert named == pytest.approx([min(layers), fmean(layers), max(layers), pstdev(layers)])
    assert graph_features(shuffled(graph, Random(seed))[0]) == pytest.approx(found)


@pytest.mark.parametrize("space", [toy.SPACE, DARTS((3, 8, 8), 4, width=2, depth=3), ViT((3, 8, 8), 4)])
def test_sizes_are_those_of_the_graph(space) -> None:
    for seed in range(3):
        graph = space.network(space.sample(Random(seed))).live().graph
        found, stats = graph_features(graph), graph_stats(graph)
        assert all(np.isfinite(value) for value in found.values())
        assert (found["params"], found["macs"]) == pytest.approx((log(1 + count_params(graph)), log(1 + stats.macs)))
        assert found["depth"] == stats.depth and found["width"] == stats.width
        parts = [np.expm1(n) for name, n in found.items() if name.startswith("params@")]
        assert sum(parts) == pytest.approx(stats.params)
        assert sum(n for name, n in found.items() if name.startswith("nodes@")) == found["nodes"]


def test_equal_functions_have_equal_features() -> None:
    one = ("nor_conv_3x3", "skip_connect", "none", "none", "skip_connect", "none")  # 0-1 by a convolution, 1-3 a skip
    other = ("none", "none", "none", "nor_conv_3x3", "none", "none")  # 0-3 by a convolution
    found = [graph_features(toy.SPACE.network(arch).live().graph) for arch in (one, other)]
    assert found[0] == found[1]


def test_attention_is_seen() -> None:
    space = ViT((3, 16, 16), 10)
    found = graph_features(space.network(space.parse("p4-w32-h2r1-h3r4")).graph)
    assert found["count/matmul"] == 4 and found["count/gelu"] == found["count/softmax"] == 2
    assert found["count/linear"] == 9 and found["count/conv4"] == 1 and "count/reshape" not in found
    assert found["nodes@tokens"] == 4 * 3 and found["edges/linear>matmul"] > 0  # layers and products of both blocks


def test_gates_do_not_double_what_comes_before_them() -> None:
    b = GraphBuilder((4,))
    x = b.add("linear", b.input, name="stem", out=4)
    for k in range(60):
        gate = b.call("aten.sigmoid.default", x, args=[{"x": 0}], name=f"gate{k}", shape=(4,))
        x = b.call("aten.mul.Tensor", x, gate, args=[{"x": 0}, {"x": 1}], name=f"gated{k}", shape=(4,))
    found = graph_features(b.build(b.add("linear", x, name="head", out=2)))
    assert found["edges"] == 2 and found["paths"] == pytest.approx(60 * log(2))


def test_rows_are_aligned_by_name() -> None:
    rows = [{"a": 1.0, "b": 2.0}, None, {"b": 3.0, "c": 4.0}]
    assert names_of(rows) == ["a", "b", "c"]
    expected = [[1, 2, 0], [np.nan] * 3, [0, 3, 4]]
    np.testing.assert_array_equal(aligned(rows, ["a", "b", "c"]), expected)
    assert aligned(rows[:1], ["b", "z"]).tolist() == [[2, 0]] and aligned([], ["a"]).shape == (0, 1)
