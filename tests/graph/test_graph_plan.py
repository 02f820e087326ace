"""Passes over the steps of a graph: fewer of them, the same output."""

from random import Random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_weights

from ghn.graph import GraphBuilder, Interpreter
from ghn.graph.plan import Plan, add_at_once, fused, join_convolutions, steps_of, write_over
from ghn.spaces import DARTS, NASBench201

CELLS = [
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
    "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|avg_pool_3x3~1|nor_conv_3x3~2|",
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_3x3~0|nor_conv_1x1~1|nor_conv_1x1~2|",
]
SPACE = NASBench201((3, 16, 16), classes=7, width=8, depth=2)
PASSES = {"join": join_convolutions, "add": add_at_once, "write over": write_over}


def run(graph, steps, weights, x, watch=()):
    """Runs steps in place of a graph's own."""
    interpreter = Interpreter(graph)
    interpreter.__dict__["_fused"] = Plan.of(steps, len(graph) - 1)
    with torch.no_grad():
        return interpreter.run(weights, x, watch)


def plain(graph, weights, x, watch=()):
    return run(graph, steps_of(graph), weights, x, watch)


def case(graph, images=64, seed=0):
    torch.manual_seed(seed)
    weights = {n: w.detach().float() for n, w in random_weights(graph, dtype=torch.float32).items()}
    return weights, torch.randn(images, *graph.input_shape)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("which", [*PASSES, "all"])
def test_each_pass_and_all_of_them_leave_the_output(cell, which):
    graph = SPACE.network(SPACE.parse(cell)).live().graph
    weights, x = case(graph)
    steps = fused(graph) if which == "all" else PASSES[which](steps_of(graph))
    torch.testing.assert_close(
        run(graph, steps, weights, x).output, plain(graph, weights, x).output, atol=1e-4, rtol=1e-4
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6))
def test_of_any_network_of_a_space_too(seed):
    for space in (SPACE, DARTS((3, 16, 16), classes=5, width=4, depth=3)):
        graph = space.network(space.sample(Random(seed))).live().graph
        weights, x = case(graph, 16, seed)
        found, expected = run(graph, fused(graph), weights, x).output, plain(graph, weights, x).output
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)


def test_convolutions_of_one_input_are_joined_kernel_by_kernel():
    graph = SPACE.network(SPACE.parse(CELLS[2])).live().graph
    count = [sum(s.op is not None and s.op.name == "conv" for s in steps) for steps in (steps_of(graph), fused(graph))]
    joined = [s for s in fused(graph) if len(s.params) > 1 and s.run.__name__ == "_convolve_all"]
    cells = 2 * 3  # in each the first node is read by two 3x3 and a 1x1, the second by two 1x1
    assert count[0] - count[1] == 4 * cells
    assert [len(s.params) for s in joined] == [2, 2] * cells


def test_what_differs_or_is_read_twice_is_not_joined():
    b = GraphBuilder((8, 8, 8))
    convs = [b.add("conv", b.input, name=f"c{k}", out=8, kernel=3, padding=1, bias=k == 3) for k in range(4)]
    norms = [b.add("batch_norm", c, name=f"n{k}", eps=1e-5 if k else 1e-3) for k, c in enumerate(convs)]
    graph = b.build(b.add("sum", *norms, convs[2], name="sum"))  # another eps, a second reader, a bias
    assert len(join_convolutions(steps_of(graph))) == len(graph)
    weights, x = case(graph, 32)
    torch.testing.assert_close(
        run(graph, fused(graph), weights, x).output, plain(graph, weights, x).output, atol=1e-4, rtol=1e-4
    )


def test_the_output_is_that_of_the_last_node_though_its_step_is_not_the_last():
    b = GraphBuilder((8, 8, 8))
    convs = [b.add("conv", b.input, name=f"c{k}", out=8, kernel=1) for k in range(2)]
    b.add("relu", b.add("batch_norm", convs[0], name="n0"), name="nobody reads it")
    graph = b.build(b.add("batch_norm", convs[1], name="n1"))
    weights, x = case(graph, 32)
    assert fused(graph)[-1].out != len(graph) - 1
    torch.testing.assert_close(run(graph, fused(graph), weights, x).output, plain(graph, weights, x).output)


@pytest.mark.parametrize("last", ["batch_norm", "relu", "sum"])
def test_whatever_is_read_last_is_done(last):
    b = GraphBuilder((8, 8, 8))
    x = b.add("batch_norm", b.add("conv", b.input, name="c", out=8, kernel=1), name="n")
    x = {"batch_norm": x, "relu": b.add("relu", x, name="r"), "sum": b.add("sum", x, b.input, name="s")}[last]
    graph = b.build(x)
    weights, images = case(graph, 32)
    found = run(graph, fused(graph), weights, images)
    assert type(found.output) is torch.Tensor
    torch.testing.assert_close(found.output, plain(graph, weights, images).output, atol=1e-5, rtol=1e-5)


def test_watched_values_are_the_nodes_own_and_stay_what_they_were():
    graph = SPACE.network(SPACE.parse(CELLS[0])).live().graph
    weights, x = case(graph, 16)
    names = [node.name for node in graph.nodes]
    expected, interpreter = plain(graph, weights, x, names).inner, Interpreter(graph)
    for name in names:  # joined convolutions and what is written over are not there: the plain steps run
        with torch.no_grad():
            found = interpreter.run(weights, x, [name]).inner
        torch.testing.assert_close(found[name], expected[name], atol=2e-3, rtol=2e-3)


def test_with_gradients_every_node_is_a_step():
    graph = SPACE.network(SPACE.parse(CELLS[2])).live().graph
    weights, x = case(graph, 8)
    held = {name: weight.requires_grad_() for name, weight in weights.items()}
    loss = Interpreter(graph).run(held, x).output.square().sum()
    assert all(g.isfinite().all() for g in torch.autograd.grad(loss, list(held.values())))


def test_weights_and_images_are_not_written_to():
    graph = SPACE.network(SPACE.parse(CELLS[1])).live().graph
    weights, x = case(graph)
    before = {name: weight.clone() for name, weight in weights.items()}, x.clone()
    first, second = run(graph, fused(graph), weights, x).output, run(graph, fused(graph), weights, x).output
    assert torch.equal(first, second)
    assert torch.equal(x, before[1])
    assert all(torch.equal(weights[name], weight) for name, weight in before[0].items())
