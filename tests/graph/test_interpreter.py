import re

import pytest
import torch
from hypothesis import given
from plain_nasbench201 import PlainNetwork, graph_name
from random_graphs import graphs, images, random_weights

from ghn.errors import GraphError
from ghn.graph import GraphBuilder, Interpreter, feature_node
from ghn.graph.plan import Plan, steps_of
from ghn.spaces import NASBench201

ARCHS = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|avg_pool_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|",
    "|skip_connect~0|+|nor_conv_1x1~0|skip_connect~1|+|none~0|nor_conv_3x3~1|nor_conv_1x1~2|",
]
SPACE = NASBench201((3, 16, 16), classes=7, width=4, depth=2)


@pytest.fixture(params=ARCHS)
def arch(request):
    return SPACE.parse(request.param)


def plain_and_weights(arch, running_stats):
    torch.manual_seed(0)
    plain = PlainNetwork(arch, classes=7, width=4, depth=2, running_stats=running_stats).double()
    for p in plain.parameters():
        p.data.add_(0.1 * torch.randn_like(p))
    return plain, {graph_name(k): p.detach().clone().requires_grad_() for k, p in plain.named_parameters()}


def test_equals_plain_modules_with_batch_statistics(arch):
    plain, weights = plain_and_weights(arch, running_stats=False)
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    graph = SPACE.network(arch).graph
    assert set(weights) == {p.name for p in graph.params()}
    module = Interpreter(graph)
    logits, expected = module.run(weights, x).output, plain(x)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(module.run(weights, x).output, expected)  # batch statistics in evaluation too

    direction = torch.randn_like(expected)
    expected.backward(direction)
    logits.backward(direction)
    for name, p in plain.named_parameters():
        torch.testing.assert_close(weights[graph_name(name)].grad, p.grad)


def test_equals_plain_modules_with_running_statistics(arch):
    plain, weights = plain_and_weights(arch, running_stats=True)
    module = Interpreter(SPACE.network(arch).graph, running_stats=True)
    stats = {k: v.double() for k, v in module.new_stats().items()}
    buffers = {graph_name(k): b for k, b in plain.named_buffers() if not k.endswith("num_batches_tracked")}
    assert stats.keys() == buffers.keys()
    for _ in range(3):
        x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
        torch.testing.assert_close(module.run({**weights, **stats}, x, training=True).output, plain(x))
    for name, value in buffers.items():
        torch.testing.assert_close(stats[name], value)
    torch.testing.assert_close(module.run({**weights, **stats}, x).output, plain.eval()(x))
    for name, value in buffers.items():  # evaluation leaves them alone
        torch.testing.assert_close(stats[name], value)


def test_inner_values_are_given_when_they_are_watched(arch):
    plain, weights = plain_and_weights(arch, running_stats=False)
    graph = SPACE.network(arch).graph
    node = graph.nodes[feature_node(graph)].name
    assert node == "head/relu"
    x = torch.randn(4, 3, 16, 16, dtype=torch.float64)
    ran = Interpreter(graph).run(weights, x, [node])
    assert list(ran.inner) == [node]
    torch.testing.assert_close(ran.inner[node], plain.features(x))
    torch.testing.assert_close(ran.output, Interpreter(graph).run(weights, x).output)


def test_a_node_that_is_not_there_cannot_be_watched(arch):
    graph = SPACE.network(arch).graph
    with pytest.raises(GraphError, match=r"(?s)watched.*nowhere"):
        Interpreter(graph).run(random_weights(graph), torch.randn(2, 3, 16, 16), ["nowhere"])


@pytest.mark.parametrize("change", ["missing", "extra"])
def test_missing_and_extra_weights_are_errors(change):
    graph = SPACE.network(SPACE.parse(ARCHS[0])).graph
    weights = random_weights(graph, dtype=torch.float32)
    if change == "missing":
        del weights["stage1/cell0/0-1/conv/weight"]
    else:
        weights["stage9/cell0/0-1/conv/weight"] = torch.zeros(1)
    with pytest.raises(GraphError, match=r"stage./cell0/0-1/conv/weight"):
        Interpreter(graph).run(weights, torch.randn(2, 3, 16, 16))


@pytest.mark.parametrize("shape", [(2, 1, 16, 16), (2, 3, 16, 12), (3, 16, 16)])
def test_images_of_another_shape_are_refused(shape):
    graph = SPACE.network(SPACE.parse(ARCHS[0])).graph
    message = re.escape(f"got:      {shape}") + r"\n +expected: \('b', 3, 16, 16\)"
    with pytest.raises(GraphError, match=message):
        Interpreter(graph).run(random_weights(graph, dtype=torch.float32), torch.randn(shape))


def _live(graph):
    """Nodes that the output reads, directly or not."""
    live = {len(graph) - 1}
    for i in range(len(graph) - 1, -1, -1):
        if i in live:
            live |= set(graph.nodes[i].inputs)
    return live


@given(graphs(zeros=False))
def test_gradients_reach_all_weights_that_the_output_reads(graph):
    weights = {k: v.requires_grad_() for k, v in random_weights(graph).items()}
    Interpreter(graph).run(weights, images(graph)).output.square().sum().backward()
    for i, params in enumerate(graph.node_params):
        for p in params:
            assert (weights[p.name].grad is not None) == (i in _live(graph)), p


def test_values_are_freed_after_their_last_use():
    b = GraphBuilder((1, 4, 4))
    x = b.add("relu", b.input, name="first")
    y = b.add("relu", b.add("relu", x, name="second"), name="third")
    graph = b.build(b.add("sum", x, y, name="sum"))
    free = Plan.of(steps_of(graph), len(graph) - 1).free
    assert [set(each) for each in free] == [set(), {0}, set(), {2}, {1, 3}]
