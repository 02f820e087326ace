"""Weights inherited by name: what is the same is taken over, what is new adds nothing, and exact changes are exact."""

from __future__ import annotations

from random import Random

import pytest
import torch
import toy

from ghn.families.morphism.inherited import Inherited
from ghn.families.morphism.network import WeightedNetwork
from ghn.graph import GraphBuilder, Interpreter, simplify
from ghn.nets import RandomInit

SPACE = toy.SPACE
TASK = toy.make_task(size=256)
IMAGES, OTHERS = TASK.train.batch(slice(0, 256))[0], TASK.val.batch(slice(0, 40))[0]
CHAIN = ("nor_conv_3x3", "none", "nor_conv_1x1", "skip_connect", "none", "nor_conv_3x3")


def trained_like(arch, seed: int = 1) -> WeightedNetwork:
    graph = simplify(SPACE.network(arch).graph)
    weights, module = RandomInit(seed)([graph])[0], Interpreter(graph, running_stats=True)
    stats = module.new_stats()
    with torch.no_grad():
        for _ in range(20):
            module.run({**weights, **stats}, IMAGES, training=True)
    return WeightedNetwork(graph, weights, stats)


def heir(parent: WeightedNetwork, arch, **options) -> WeightedNetwork:
    return Inherited(parent, **options).network(simplify(SPACE.network(arch).graph))


def distance(a: WeightedNetwork, b: WeightedNetwork) -> float:
    return float((a(OTHERS) - b(OTHERS)).pow(2).mean().sqrt())


@pytest.mark.parametrize(
    ("edge", "op"),
    [(1, "nor_conv_1x1"), (1, "nor_conv_3x3"), (4, "nor_conv_3x3"), (2, "nor_conv_3x3")],
    ids=["a path", "a path with a larger kernel", "another path", "a larger kernel"],
)
def test_what_grows_keeps_the_function(edge, op):
    parent = trained_like(CHAIN)
    child = heir(parent, (*CHAIN[:edge], op, *CHAIN[edge + 1 :]))
    assert len(child.weights) > len(parent.weights) or edge == 2
    assert (child(OTHERS) - parent(OTHERS)).abs().max() < 1e-5


def test_the_same_network_inherits_everything():
    parent = trained_like(CHAIN)
    child = heir(parent, CHAIN, images=IMAGES)
    for mine, own in ((child.weights, parent.weights), (child.stats, parent.stats)):
        assert mine.keys() == own.keys()
        assert all(torch.equal(mine[k], own[k]) and mine[k] is not own[k] for k in own)


def test_what_shrinks_is_nearer_with_least_squares():
    parent, rng = trained_like(("nor_conv_3x3",) * 6), Random(0)
    for arch in rng.sample(list(SPACE.neighbours(("nor_conv_3x3",) * 6)), 6):
        plain, solved = heir(parent, arch), heir(parent, arch, images=IMAGES)
        assert distance(solved, parent) < 0.9 * distance(plain, parent), arch


def test_kernels_are_cut_to_their_centre():
    parent = trained_like(CHAIN)
    child = heir(parent, (*CHAIN[:5], "nor_conv_1x1"))
    name = "stage0/cell0/2-3/conv/weight"
    assert torch.equal(child.weights[name], parent.weights[name][:, :, 1:2, 1:2])


def test_where_all_is_new_nothing_is_silenced():
    """A sum of nothing but silent paths would cut the network off."""
    parent = trained_like(("none", "none", "none", "skip_connect", "none", "none"))
    new = heir(parent, ("nor_conv_3x3", "nor_conv_3x3", "none", "none", "nor_conv_3x3", "nor_conv_3x3"))
    assert new.weights["stage0/cell0/1-3/norm/weight"].min() == 1
    assert float(new(OTHERS).std(0).max()) > 1e-3
    partly = heir(parent, ("none", "none", "none", "skip_connect", "none", "none"))
    assert torch.equal(partly(OTHERS), parent(OTHERS))


def test_what_has_other_channels_is_new():
    b = GraphBuilder((3, 8, 8))
    x = b.add("conv", b.input, name="stem/conv", out=6, kernel=3, padding=1)
    graph = b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=4))
    child = Inherited(trained_like(CHAIN), seed=5).network(graph)
    assert torch.equal(child.weights["stem/conv/weight"], RandomInit(5)([graph])[0]["stem/conv/weight"])
