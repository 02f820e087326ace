from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import graphs, shuffled

from ghn.graph import Graph, GraphBuilder, Node, Param, canonical_hash, canonical_order, function_key, simplify
from ghn.spaces import NASBench201

SPACE = NASBench201((3, 8, 8), classes=5, width=4, depth=2)


@settings(max_examples=200)
@given(graphs(size=14), st.integers(0, 2**32))
def test_isomorphic_graphs_have_one_hash_and_one_key(graph, seed):
    other, _ = shuffled(graph, Random(seed))
    assert canonical_hash(other) == canonical_hash(graph)
    assert function_key(simplify(other)) == function_key(simplify(graph))


@given(graphs(size=14))
def test_the_order_is_a_topological_permutation(graph):
    order = canonical_order(graph)
    assert sorted(order) == list(range(len(graph)))
    position = {i: p for p, i in enumerate(order)}
    assert all(position[j] < position[i] for i, node in enumerate(graph.nodes) for j in node.inputs)
    levels = graph.levels
    assert [levels[i] for i in order] == sorted(levels)


@pytest.mark.parametrize("seed", range(8))
def test_shuffled_networks_of_a_space(seed):
    rng = Random(seed)
    graph = SPACE.network(SPACE.sample(rng)).graph
    assert canonical_hash(shuffled(graph, rng)[0]) == canonical_hash(graph)


def pairs_of(*sizes):
    """Sums of neighbouring convolutions in rings of these sizes: alike for every node, whatever the rings."""
    b = GraphBuilder((2, 4, 4))
    ends = []
    for r, size in enumerate(sizes):
        ring = [b.add("conv", b.input, name=f"conv{r}-{i}", out=2, kernel=1) for i in range(size)]
        for i in range(size):
            x = b.add("sum", ring[i], ring[(i + 1) % size], name=f"pair{r}-{i}")
            ends.append(b.add("relu", x, name=f"relu{r}-{i}"))
    return b.build(b.add("sum", *ends, name="sum"))


@pytest.mark.parametrize("sizes", [(2,), (4,), (3, 3), (2, 3), (3, 4, 5), (3, 3, 4, 4)])
def test_ties_are_broken_alike_in_every_listing(sizes):
    graph = pairs_of(*sizes)
    assert len({canonical_hash(shuffled(graph, Random(seed))[0]) for seed in range(20)} | {canonical_hash(graph)}) == 1


def test_rings_that_look_alike_from_every_node_are_told_apart():
    assert len({canonical_hash(pairs_of(*sizes)) for sizes in [(6,), (3, 3), (2, 4)]}) == 3


def chain(**changes):
    """A small network with one thing changed."""
    how = {"kernel": 3, "first": "relu", "second": "avg_pool", "size": 4, "swap": False, "shared": False} | changes
    b = GraphBuilder((2, how["size"], how["size"]))
    a = b.add(how["first"], b.input, name="a")
    c = b.add("conv", a, name="c", out=2, kernel=how["kernel"], padding=how["kernel"] // 2)
    twin = c if how["shared"] else b.add("conv", a, name="d", out=2, kernel=how["kernel"], padding=how["kernel"] // 2)
    p = b.add(how["second"], c, name="p", kernel=3, padding=1)
    return b.build(b.add("concat", *((p, twin) if how["swap"] else (twin, p)), name="out"))


@pytest.mark.parametrize(
    "change",
    [
        {"kernel": 1},
        {"first": "identity"},
        {"second": "max_pool"},
        {"size": 5},
        {"swap": True},  # concatenation has an order
        {"shared": True},  # the same convolution read twice is not two convolutions
    ],
)
def test_different_networks_have_different_hashes(change):
    assert canonical_hash(chain(**change)) != canonical_hash(chain())


def test_a_doubled_convolution_is_not_two_convolutions():
    def network(shared):
        b = GraphBuilder((2, 4, 4))
        c, d = (b.add("conv", b.input, name=n, out=2, kernel=1) for n in "cd")
        return simplify(b.build(b.add("sum", c, c if shared else d, name="sum")))

    assert canonical_hash(network(True)) != canonical_hash(network(False))
    assert function_key(network(True)) == function_key(network(False))  # the same family of functions


def test_the_output_matters():
    """Two sinks; which of them is the output makes another network."""

    def network(dead, output):
        b = GraphBuilder((2, 4, 4))
        b.add(dead, b.input, name="dead", kernel=3, padding=1)
        return b.build(b.add(output, b.input, name="out", kernel=3, padding=1))

    assert canonical_hash(network("avg_pool", "max_pool")) != canonical_hash(network("max_pool", "avg_pool"))


def test_the_hash_is_the_same_in_every_process():
    assert canonical_hash(chain()) == "c65cb0824293272adec38538fe12c5af"


def read_table(*sizes, shared=False):
    """A graph of tables that are looked up and added; names of all parameters are their own unless they are shared."""
    names = ["t" if shared else f"t{k}" for k in range(len(sizes))]
    call = (("call", '[[{"w":0},{"x":0}],{}]'),)
    nodes = [
        Node(f"n{k}", "aten.embedding.default", (0,), call, (4, 8), (Param(name, (size, 8), "embedding"),))
        for k, (name, size) in enumerate(zip(names, sizes, strict=True))
    ]
    total = Node("sum", "sum", tuple(range(1, len(sizes) + 1)), (), (4, 8))
    return Graph((Node("input", "input", (), (), (4,)), *nodes, total))


def test_parameters_that_do_not_follow_from_the_rest_are_told_apart():
    graphs = [read_table(10, 20), read_table(10, 10), read_table(10, 10, shared=True)]
    assert len({canonical_hash(graph) for graph in graphs}) == 3
    assert canonical_hash(read_table(20, 10)) == canonical_hash(graphs[0])
    shapes = [[p.shape for i in canonical_order(g) for p in g.node_params[i]] for g in (graphs[0], read_table(20, 10))]
    assert shapes[0] == shapes[1]
    assert function_key(read_table(10, 20)) != function_key(read_table(10, 10))
