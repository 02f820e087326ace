import pytest

from ghn.graph import GraphBuilder, count_params, graph_stats, simplify
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
