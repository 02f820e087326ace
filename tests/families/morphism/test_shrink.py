"""Approximate morphisms: smaller, near the function, and nearer with least squares than without."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morphism_cases import SPACES, double, drawn_network, real_images, sizes, snapshot, unchanged
from random_graphs import graphs
from random_graphs import images as random_images

from ghn.errors import ConfigError, MorphismError
from ghn.families.morphism.exact import Deeper
from ghn.families.morphism.inherited import refit
from ghn.families.morphism.network import WeightedNetwork
from ghn.families.morphism.shrink import Narrower, Shallower, Unskip
from ghn.graph import GraphBuilder

SHRINK = {"narrower": Narrower, "shallower": Shallower, "unskip": Unskip}
SEEN, UNSEEN = slice(128, 384), slice(0, 128)


def distance(a: WeightedNetwork, b: WeightedNetwork) -> float:
    """Root mean square difference of the logits on images that nothing was fitted to, relative to their spread."""
    images = real_images(384)[UNSEEN]
    return float((a(images) - b(images)).pow(2).mean().sqrt() / b(images).std())


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", SHRINK.values(), ids=SHRINK)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_least_squares_beat_plain_slicing_on_other_images(space, make, seed):
    network, generator = drawn_network(space, seed), torch.Generator()
    before, images = snapshot(network), real_images(384)[SEEN]
    errors = []
    for place in Random(seed).sample(make().places(network.graph), 2):
        sliced, solved = (m.apply(network, place, generator) for m in (make(), make(images=images)))
        assert sizes([sliced]) == sizes([solved]) <= sizes([network])
        assert len(solved.graph) < len(network.graph) or sizes([solved]) < sizes([network])
        errors.append((distance(solved, network), distance(sliced, network)))
        assert errors[-1][0] < 1.05 * errors[-1][1], place  # where little is lost, little can be won
    assert sum(solved for solved, _ in errors) < 0.9 * sum(sliced for _, sliced in errors)
    assert unchanged(network, before)


@given(graph=graphs(), name=st.sampled_from(list(SHRINK)), pick=st.randoms(use_true_random=False))
def test_every_place_of_any_graph(graph, name, pick):
    network, images = double(graph), random_images(graph)
    for place in pick.sample(places := SHRINK[name]().places(graph), min(3, len(places))):
        try:
            child = SHRINK[name](images=images).apply(network, place, torch.Generator())
        except MorphismError:  # a part of a concatenation may have no channel left
            assert name == "narrower" and "concat" in {node.op for node in graph.nodes}
            continue
        assert child(images).isfinite().all() and child.graph.output_shape == graph.output_shape


def test_what_deeper_added_shallower_takes_away_again():
    network = drawn_network(SPACES["nasbench201"], 0)
    place = Deeper().places(network.graph)[0]
    deeper = Deeper().apply(network, place, torch.Generator())
    back = Shallower().apply(deeper, f"{place}/deeper/conv", torch.Generator())
    assert sizes([back]) == sizes([network]) and distance(back, network) < 1e-5


def test_the_smallest_filters_go():
    b = GraphBuilder((3, 6, 6))
    x = b.add("conv", b.input, name="conv", out=4, kernel=1)
    network = double(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2)))
    scale = torch.tensor([1.0, 0.01, 10.0, 0.0], dtype=torch.float64)
    weight = network.weights["conv/weight"].sign() * scale.view(4, 1, 1, 1)
    network = WeightedNetwork(network.graph, {**network.weights, "conv/weight": weight}, network.stats)
    narrow = Narrower().apply(network, "conv", torch.Generator())
    assert torch.equal(narrow.weights["conv/weight"], weight[[0, 2]])
    assert torch.equal(narrow.weights["head/weight"], network.weights["head/weight"][:, [0, 2]])


def test_least_squares_find_what_is_there_to_be_found():
    """One of two equal channels can be left out without loss, but only if the other is read twice as strongly."""
    b = GraphBuilder((3, 6, 6))
    x = b.add("relu", b.add("conv", b.input, name="conv", out=2, kernel=1), name="relu")
    x = b.add("conv", x, name="next", out=3, kernel=3, padding=1, bias=1)
    network = double(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2)))
    same = network.weights["conv/weight"][:1].expand(2, -1, -1, -1)
    network = WeightedNetwork(network.graph, {**network.weights, "conv/weight": same}, network.stats)
    images = random_images(network.graph, 16)
    sliced, solved = (Narrower(images=i).apply(network, "conv", torch.Generator()) for i in (None, images))
    want = network.weights["next/weight"].sum(1, keepdim=True)
    assert (
        (solved.weights["next/weight"] - want).abs().max() < 0.02 < (sliced.weights["next/weight"] - want).abs().max()
    )


def test_refitting_what_did_not_change_changes_nothing():
    network = drawn_network(SPACES["nasbench201"], 0)
    again = refit(network, network, real_images())
    assert all(torch.equal(again.weights[k], v) for k, v in network.weights.items())


def test_what_does_not_shrink_says_why():
    b = GraphBuilder((3, 6, 6))
    x = b.add("conv", b.input, name="one", out=1, kernel=1)
    x = b.add("sum", x, name="sum")
    network = double(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2)))
    for morphism, place, why in (
        (Narrower(), "one", "no channel to spare"),
        (Narrower(), "head", "the output"),
        (Shallower(), "one", "shapes do not fit"),
        (Shallower(), "sum", "is a sum"),
        (Unskip(), ("sum", "one"), "cannot be left out"),
        (Unskip(), "sum", "with its sum"),
    ):
        with pytest.raises(MorphismError, match=why):
            morphism.apply(network, place, torch.Generator())
        assert place not in morphism.places(network.graph)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        Narrower(1.0)
