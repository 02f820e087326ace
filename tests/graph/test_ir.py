import json
import re

import pytest
from hypothesis import given
from random_graphs import graphs

from ghn.errors import GraphError
from ghn.graph import Graph, GraphBuilder, Node

INPUT = Node("input", "input", (), (), (3, 8, 8))
RELU = Node("relu", "relu", (0,), (), (3, 8, 8))
ZERO = (("c", 3), ("h", 8), ("w", 8))


def conv(**changes):
    attrs = {"out": 4, "kernel": 3, "stride": 1, "padding": 1, "dilation": 1, "groups": 1, "bias": 0, **changes}
    return tuple(sorted((k, v) for k, v in attrs.items() if v is not None))


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([INPUT], "needs an input and at least one operation.*got: +1 nodes"),
        ([RELU, INPUT], r"node 0 \('relu', relu\): node 0 must be an input"),
        ([INPUT, Node("b", "input", (0,), (), (3, 8, 8))], r"node 1 \('b', input\): wrong number of inputs"),
        ([INPUT, RELU, RELU], "node 2: names must be unique.*got: +'relu'"),
        ([INPUT, Node("a.b", "relu", (0,), (), (3, 8, 8))], r"without '\.'.*got: +'a\.b'"),
        ([INPUT, Node("", "relu", (0,), (), (3, 8, 8))], "not empty.*got: +''"),
        ([INPUT, Node("a", "swish", (0,), (), (3, 8, 8))], r"'a', swish\): unknown operation.*got: +swish.*batch_norm"),
        ([INPUT, Node("a", "relu", (1,), (), (3, 8, 8))], r"earlier nodes.*got: +\(1,\).*0\.\.0"),
        ([INPUT, Node("a", "relu", (2,), (), (3, 8, 8)), RELU], r"node 1 \('a', relu\): inputs must be earlier"),
        ([INPUT, Node("a", "relu", (-1,), (), (3, 8, 8))], r"earlier nodes.*got: +\(-1,\)"),
        ([INPUT, Node("a", "relu", (0, 0), (), (3, 8, 8))], "wrong number of inputs.*got: +2.*1 to 1"),
        ([INPUT, Node("a", "sum", (), (), (3, 8, 8))], "wrong number of inputs.*got: +0.*1 to any"),
        ([INPUT, Node("a", "relu", (0,), (), (3, 8, 9))], r"does not follow.*\(3, 8, 9\).*expected: +\(3, 8, 8\)"),
        ([INPUT, Node("a", "relu", (0,), (), ())], r"sizes must be positive.*got: +\(\)"),
        ([INPUT, Node("a", "zero", (0,), ZERO, (3, 0, 8))], "sizes must be positive"),
        ([INPUT, Node("a", "relu", (0,), (("slope", 2),), (3, 8, 8))], r"unknown attribute.*\['slope'\]"),
        ([INPUT, Node("a", "conv", (0,), conv(out=None), (4, 8, 8))], r"attribute missing.*expected: +\['out'\]"),
        ([INPUT, Node("a", "conv", (0,), conv()[::-1], (4, 8, 8))], "not complete and sorted"),
        ([INPUT, Node("a", "conv", (0,), conv(bias=None), (4, 8, 8))], "not complete and sorted.*expected.*'bias', 0"),
        ([INPUT, Node("a", "conv", (0,), conv(kernel=2.5), (4, 8, 8))], "kernel must be a whole number.*2.5"),
        ([INPUT, Node("a", "conv", (0,), conv(stride=0), (4, 8, 8))], "stride must be at least 1"),
    ],
)
def test_wrong_graphs_are_refused(nodes, message):
    with pytest.raises(GraphError, match=re.compile(message, re.DOTALL)):
        Graph(tuple(nodes))


@pytest.mark.parametrize(
    ("op", "inputs", "attrs", "message"),
    [
        ("swish", 1, {}, r"'it' \(swish\): unknown operation.*register it in ghn.graph.ops"),
        ("relu", 2, {}, r"'it' \(relu\): wrong number of inputs"),
        ("conv", 1, {"out": 4}, r"'it' \(conv\): attribute missing.*\['kernel'\]"),
        ("conv", 1, {"out": 4, "kernel": 3, "size": 1}, r"unknown attribute.*\['size'\].*'bias', 'dilation'"),
        ("conv", 1, {"out": "4", "kernel": 3}, "out must be a whole number.*'4'"),
        (
            "conv",
            1,
            {"out": 4, "kernel": 9},
            r"'it' \(conv\): conv: the window is larger.*\(3, 8, 8\).*at least 9 pixels",
        ),
        ("conv", 1, {"out": 4, "kernel": 1, "groups": 2}, "groups must divide.*3 -> 4, groups 2"),
        ("conv", 1, {"out": 4, "kernel": 1, "groups": 0}, "groups must be at least 1"),
        ("conv", 1, {"out": 4, "kernel": 1, "padding": -1}, "padding must not be negative"),
        ("max_pool", 1, {"kernel": 3, "padding": 2}, "at most half the kernel"),
        ("linear", 1, {"out": 4}, r"vectors, not maps.*\(3, 8, 8\).*shape \(k,\).*global_pool"),
    ],
)
def test_the_builder_says_what_is_wrong(op, inputs, attrs, message):
    b = GraphBuilder((3, 8, 8))
    with pytest.raises(GraphError, match=re.compile(message, re.DOTALL)):
        b.add(op, *[b.input] * inputs, name="it", **attrs)


def test_the_builder_fills_in_defaults_and_drops_what_comes_after_the_output():
    b = GraphBuilder((3, 8, 8))
    a = b.add("conv", b.input, name="a", out=4, kernel=3, padding=1, bias=True)
    b.add("relu", a, name="after")
    graph = b.build(a)
    assert [n.name for n in graph.nodes] == ["input", "a"]
    assert graph.nodes[1].attrs == conv(bias=1)
    assert (graph.input_shape, graph.output_shape) == ((3, 8, 8), (4, 8, 8))


def test_parameters_come_in_node_order_and_consumers_count_every_use():
    b = GraphBuilder((3, 8, 8))
    a = b.add("conv", b.input, name="s/a", out=4, kernel=1, bias=1)
    n = b.add("batch_norm", a, name="s/n")
    graph = b.build(b.add("sum", a, n, a, name="sum"))
    assert [(p.name, p.shape, p.kind) for p in graph.params()] == [
        ("s/a/weight", (4, 3, 1, 1), "conv_weight"),
        ("s/a/bias", (4,), "bias"),
        ("s/n/weight", (4,), "norm_weight"),
        ("s/n/bias", (4,), "norm_bias"),
    ]
    assert graph.consumers == ((1,), (2, 3, 3), (3,), ())


@given(graphs())
def test_json_round_trip(graph):
    assert Graph.from_json(json.dumps(graph.to_json())) == graph
    assert hash(Graph.from_json(graph.to_json())) == hash(graph)


def test_json_round_trip_of_a_whole_network(toy_space):
    graph = toy_space.network(("nor_conv_3x3", "none", "avg_pool_3x3", "skip_connect", "nor_conv_1x1", "none")).graph
    assert Graph.from_json(json.dumps(graph.to_json())) == graph


def _broken(**changes):
    data = GraphBuilder((3, 8, 8))
    graph = data.build(data.add("relu", 0, name="relu")).to_json()
    graph["nodes"][1] |= changes
    return graph


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "not a graph's JSON.*got: +schema 'list'"),
        ({}, "schema None.*'ghn.graph/1'"),
        ({"schema": "ghn.graph/9", "nodes": []}, "schema 'ghn.graph/9'"),
        ({"schema": "ghn.graph/1"}, "malformed.*KeyError"),
        ({"schema": "ghn.graph/1", "nodes": 3}, "malformed.*TypeError"),
        ({"schema": "ghn.graph/1", "nodes": ["x"]}, "malformed"),
        (_broken(inputs=[0.0]), "malformed.*0.0 is not an integer"),
        (_broken(inputs=None), "malformed"),
        (_broken(attrs=[1]), "malformed.*AttributeError"),
        (_broken(shape=[3, True, 8]), "True is not an integer"),
        (_broken(shape=[3, 8, 7]), "does not follow"),
        (_broken(op="swish"), "unknown operation"),
        (_broken(name=5), "malformed.*5 is not a string"),
    ],
)
def test_malformed_json_is_refused(data, message):
    with pytest.raises(GraphError, match=re.compile(message, re.DOTALL)):
        Graph.from_json(data)
