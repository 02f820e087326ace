"""The curves of growth: that points are what they say; nothing is timed."""

from tests.benchmarks import growth
from tests.benchmarks.growth import Point


def of(axis, sizes, seconds, candidates=10):
    return [Point(axis, n, s, candidates, 1.0, {}) for n, s in zip(sizes, seconds, strict=True)]


def test_networks_are_distinct_and_graphs_as_large_as_they_say():
    widths = [tuple(p.shape for p in network.graph.params()) for network in growth.small_networks(2000)]
    assert len(set(widths)) == 2000
    for size in growth.SIZES["nodes"][0]:
        assert len(growth.chain(size, 0)) == size
    assert growth.chain(200, 1).nodes != growth.chain(200, 2).nodes


def test_a_point_is_measured_and_a_stream_is_read_off_on_the_way():
    (nodes,) = growth.point("hypernetwork", 16)
    assert nodes.seconds > 0 and nodes.also["parameters"] > 1000
    points = growth.point("candidates", 256)
    assert [p.size for p in points] == [64, 256]
    assert points[0].seconds < points[1].seconds and points[0].mebibytes <= points[1].mebibytes


def test_powers_are_those_of_the_steepest_part():
    assert growth.exponent(of("width", [1, 2, 4], [3, 3, 12])) == 2
    straight = of("candidates", [64, 640], [0.5, 5.0])
    assert growth.exponent(straight, total=True) == 1
    assert growth.rows(straight)[-1].endswith("as the power 1.00")
    assert len(growth.drawn(straight).axes) == 2
