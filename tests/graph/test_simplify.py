from random import Random

import pytest
import torch
from hypothesis import given
from random_graphs import graphs, images, random_weights

from ghn.graph import Graph, GraphBuilder, Interpreter, Node, canonical_hash, function_key, simplify
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.space import EDGES

SPACE = NASBench201((3, 8, 8), classes=5, width=4, depth=1)


def output(graph, weights):
    return Interpreter(graph).run({p.name: weights[p.name] for p in graph.params()}, images(graph)).output


def same_function(graph):
    weights = random_weights(graph)
    torch.testing.assert_close(output(simplify(graph), weights), output(graph, weights), rtol=1e-7, atol=1e-7)


def no_constants(arch):
    """Whether no convolution (and so no normalisation) is fed with nothing but zeros."""
    alive = {0}
    for (source, target), op in zip(EDGES, arch, strict=True):
        if op.startswith("nor_conv") and source not in alive:
            return False
        if op != "none" and source in alive:
            alive.add(target)
    return 3 in alive  # else the skeleton is fed with zeros


@given(graphs())
def test_simplifying_twice_changes_nothing(graph):
    once = simplify(graph)
    assert simplify(once) == once


@given(graphs(zeros=False))
def test_same_function(graph):
    same_function(graph)


@given(graphs())
def test_what_is_left_is_live_and_in_normal_form(graph):
    live = simplify(graph)
    assert {p.name for p in live.params()} <= {p.name for p in graph.params()}
    assert live.output_shape == graph.output_shape
    read = {j for node in live.nodes for j in node.inputs}
    assert read | {0, len(live) - 1} == set(range(len(live)))
    for node in live.nodes:
        assert node.op != "identity"
        if node.op == "sum":
            assert not {live.nodes[j].op for j in node.inputs} & {"sum", "zero", "identity"}
            assert len(node.inputs) > 1


@pytest.mark.parametrize("seed", range(12))
def test_same_function_on_cells_without_constants(seed):
    rng = Random(seed)
    arch = next(a for a in iter(lambda: SPACE.sample(rng), None) if no_constants(a) and "none" in a)
    graph = SPACE.network(arch).graph
    assert len(simplify(graph)) < len(graph)
    same_function(graph)


def test_the_documented_exception_a_zero_fed_normalisation_is_dropped():
    arch = ("none", "skip_connect", "nor_conv_1x1", "none", "none", "skip_connect")
    graph, live = SPACE.network(arch).graph, simplify(SPACE.network(arch).graph)
    assert "stage0/cell0/1-2/norm/bias" not in {p.name for p in live.params()}
    weights = random_weights(graph)
    weights |= {n: torch.zeros_like(w) for n, w in weights.items() if n.endswith("1-2/norm/bias")}
    torch.testing.assert_close(output(live, weights), output(graph, weights))


@pytest.mark.parametrize(
    "text",
    [
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|none~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|",
    ],
)
def test_cells_cut_off_from_their_input_run_and_predict_a_constant(text):
    graph = SPACE.network(SPACE.parse(text)).graph
    live = simplify(graph)
    assert [p.name for p in live.params()] == ["head/linear/weight", "head/linear/bias"]
    weights = random_weights(graph)
    for g in (graph, live):
        logits = output(g, weights)
        assert logits.shape == (3, 5)
        torch.testing.assert_close(logits, logits[:1].expand(3, 5))
    torch.testing.assert_close(output(live, weights)[0], weights["head/linear/bias"])


def head(b, x):
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2))


def test_operations_without_parameters_are_computed_once_and_others_are_not():
    b = GraphBuilder((2, 4, 4))
    relus = [b.add("relu", b.input, name=f"relu{i}") for i in range(2)]
    convs = [b.add("conv", r, name=f"conv{i}", out=2, kernel=1) for i, r in enumerate(relus)]
    pools = [b.add("avg_pool", c, name=f"pool{i}", kernel=3, padding=1) for i, c in enumerate(convs)]
    live = simplify(head(b, b.add("sum", *pools, name="sum")))
    assert [n.name for n in live.nodes] == ["input", "relu0", "conv0", "conv1", "pool0", "pool1", "sum", "pool", "head"]


def test_zeros_of_different_sizes_are_told_apart():
    b = GraphBuilder((2, 4, 4))
    small, large = (b.add("zero", b.input, name=f"zero{c}", c=c, h=4, w=4) for c in (1, 3))
    left = b.add("relu", b.add("concat", small, b.input, large, name="left"), name="relu_left")
    right = b.add("relu", b.add("concat", large, b.input, small, name="right"), name="relu_right")
    same_function(head(b, b.add("conv", b.add("sum", left, right, name="sum"), name="conv", out=2, kernel=1)))


def test_nested_sums_are_flattened_with_their_multiplicity():
    b = GraphBuilder((2, 4, 4))
    c, d = (b.add("conv", b.input, name=n, out=2, kernel=1) for n in "cd")
    inner = b.add("sum", c, d, name="inner")
    graph = head(b, b.add("sum", inner, b.add("identity", inner, name="skip"), c, name="outer"))
    live = simplify(graph)
    (outer,) = (n for n in live.nodes if n.op == "sum")
    assert sorted(live.nodes[i].name for i in outer.inputs) == ["c", "c", "c", "d", "d"]
    same_function(graph)


@given(graphs())
def test_dead_and_redundant_nodes_do_not_change_the_result(graph):
    """Identities on every edge and a dead branch: the same live network."""
    nodes, index = [graph.nodes[0]], [0]
    for node in graph.nodes[1:]:
        fed = []
        for j in node.inputs:
            nodes.append(Node(f"skip{len(nodes)}", "identity", (index[j],), (), graph.nodes[j].shape))
            fed.append(len(nodes) - 1)
        nodes.append(Node(f"dead{len(nodes)}", "relu", (index[0],), (), graph.input_shape))
        nodes.append(Node(node.name, node.op, tuple(fed), node.attrs, node.shape))
        index.append(len(nodes) - 1)
    padded = simplify(Graph(tuple(nodes)))
    assert canonical_hash(padded) == canonical_hash(simplify(graph))
    assert padded.params() == simplify(graph).params()


def test_function_key_agrees_with_the_space_on_a_random_sample():
    rng = Random(0)
    archs = [SPACE.sample(rng) for _ in range(400)]
    keys = [(SPACE.canonical(a), function_key(simplify(SPACE.network(a).graph))) for a in archs]
    classes = len(set(keys))
    assert classes == len({a for a, _ in keys}) == len({b for _, b in keys})
    assert classes < 350  # equal ones do occur


def test_function_key_tells_all_4930_functions_apart():
    keys = {function_key(simplify(SPACE.network(a).graph)) for a in SPACE.distinct()}
    assert len(keys) == 4930
