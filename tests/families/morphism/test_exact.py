"""Exact morphisms: the function is kept, on real images and on any graph, and the network that was given too."""

from __future__ import annotations

from random import Random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from morphism_cases import MORPHISMS, SPACES, double, drawn_network, error, real_images, sizes, snapshot, unchanged
from random_graphs import graphs
from random_graphs import images as random_images

from ghn.errors import ConfigError, GraphError, MorphismError
from ghn.families.morphism.exact import Deeper, Skip, Wider, WiderKernel
from ghn.families.morphism.network import WeightedNetwork
from ghn.graph import GraphBuilder, Interpreter


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_chains_keep_the_function_on_real_images(space, seed):
    rng, generator = Random(seed), torch.Generator().manual_seed(seed)
    first = network = drawn_network(space, seed)
    images, chain = real_images(), [first]
    for name in rng.sample([*MORPHISMS, "wider"], 6):
        morphism = MORPHISMS[name]
        network = morphism.apply(network, rng.choice(morphism.places(network.graph)), generator)
        chain.append(network)
        assert error(first, network, images) < 1e-5, (name, [n.name for n in network.graph.nodes])
    assert sizes(chain) == sorted(set(sizes(chain)))  # each has more weights than the one before
    assert first(images).std() > 0.05  # a constant would be kept by anything


@given(graph=graphs(), name=st.sampled_from(list(MORPHISMS)), pick=st.randoms(use_true_random=False))
def test_every_place_of_any_graph(graph, name, pick):
    network, generator = double(graph), torch.Generator().manual_seed(0)
    images, before = random_images(graph), snapshot(network)
    places = MORPHISMS[name].places(graph)
    for place in pick.sample(places, min(4, len(places))):
        child = MORPHISMS[name].apply(network, place, generator)
        torch.testing.assert_close(child(images), network(images), rtol=1e-9, atol=1e-9)
        assert unchanged(network, before)


@given(graph=graphs(), name=st.sampled_from([n for n in MORPHISMS if n != "skip"]))
def test_where_a_morphism_is_not_listed_it_says_why_and_changes_nothing(graph, name):
    morphism, network, generator = MORPHISMS[name], double(graph), torch.Generator()
    before = snapshot(network)
    for node in graph.nodes:
        if node.name not in morphism.places(graph):
            with pytest.raises(MorphismError):
                morphism.apply(network, node.name, generator)
    assert unchanged(network, before)


def residual(depthwise: bool = False) -> WeightedNetwork:
    """Stem, a residual block, and a concatenation of both, with or without a depthwise convolution."""
    b = GraphBuilder((3, 6, 6))
    x = b.add("conv", b.input, name="stem", out=4, kernel=3, padding=1)
    y = b.add("relu", x, name="relu")
    groups = {"groups": 4} if depthwise else {}
    y = b.add("conv", y, name="block", out=4, kernel=3, padding=1, **groups)
    y = b.add("batch_norm", y, name="norm")
    s = b.add("sum", x, y, name="sum")
    z = b.add("conv", s, name="side", out=2, kernel=1, bias=1)
    c = b.add("concat", s, z, name="concat")
    p = b.add("global_pool", b.add("relu", c, name="last"), name="pool")
    return double(b.build(b.add("linear", p, name="head", out=3)))


@pytest.mark.parametrize("depthwise", [False, True])
@pytest.mark.parametrize("place", ["stem", "block", "side"])
def test_what_is_added_up_is_widened_together(depthwise, place):
    network = residual(depthwise)
    wide = Wider(factor=1.75).apply(network, place, torch.Generator().manual_seed(0))
    shape = {n.name: n.shape for n in wide.graph.nodes}
    if place == "side":
        assert (shape["side"][0], shape["stem"][0], shape["concat"][0]) == (4, 4, 8)
    else:
        assert {shape[n][0] for n in ("stem", "relu", "block", "norm", "sum")} == {7} and shape["concat"][0] == 9
    torch.testing.assert_close(wide(random_images(wide.graph)), network(random_images(network.graph)))


def test_channels_given_from_outside_are_refused_with_the_reason():
    b = GraphBuilder((3, 6, 6))
    x = b.add("conv", b.input, name="conv", out=3, kernel=1)
    x = b.add("sum", x, b.input, name="sum")
    y = b.add("conv", b.add("conv", x, name="free", out=6, kernel=1), name="grouped", out=6, kernel=1, groups=3)
    network = double(b.build(b.add("linear", b.add("global_pool", y, name="pool"), name="head", out=2)))
    for place, why in (
        ("conv", "the images"),
        ("free", "in groups"),
        ("grouped", "in groups"),
        ("head", "the output"),
        ("sum", "is a sum"),
    ):
        with pytest.raises(MorphismError, match=why):
            Wider().apply(network, place, torch.Generator())
    assert Wider().places(network.graph) == []
    with pytest.raises(MorphismError, match="no operation has this name"):
        Wider().apply(network, "nobody", torch.Generator())


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("stem", "two ends"),
        (("sum", "stem"), "forwards"),
        (("stem", "stem"), "forwards"),
        (("stem", "pool"), "one height and width"),
        (("pool", "head"), "one height and width"),
        (("stem", "nobody"), "no operation"),
    ],
)
def test_paths_that_lead_nowhere(place, why):
    with pytest.raises(MorphismError, match=why):
        Skip().apply(residual(), place, torch.Generator())


def test_a_layer_behind_anything_but_a_relu_is_refused():
    with pytest.raises(MorphismError, match=r"'norm' is a batch_norm(.|\n)*relu"):
        Deeper().apply(residual(), "norm", torch.Generator())
    with pytest.raises(MorphismError, match="does not grow"):
        WiderKernel(largest=3).apply(residual(), "stem", torch.Generator())


def test_with_images_a_deeper_network_is_the_same_in_training_too():
    network, images = drawn_network(SPACES["nasbench201"], 1), real_images()
    place = Deeper().places(network.graph)[1]
    apart = {}
    for name, given_images in (("measured", images), ("unmeasured", None)):
        child = Deeper(images=given_images).apply(network, place, torch.Generator())
        outputs = [
            Interpreter(n.graph).run(dict(n.weights), images).output.detach() for n in (network, child)
        ]  # batch statistics
        apart[name] = float((outputs[0] - outputs[1]).abs().max())
        assert error(network, child, images) < 1e-5
    assert apart["measured"] < 1e-3 < 1e-2 < apart["unmeasured"]


def test_copies_are_alike_until_noise_tells_them_apart():
    network, images = drawn_network(SPACES["nasbench201"], 0), real_images()
    alike, apart = (
        Wider(2.0, noise).apply(network, "stem/conv", torch.Generator().manual_seed(0)) for noise in (0.0, 0.01)
    )
    rows = [{tuple(r.flatten().tolist()) for r in w.weights["stem/conv/weight"]} for w in (alike, apart)]
    assert len(rows[0]) == 4 and len(rows[1]) == 8
    assert error(alike, network, images) < 1e-5 < error(apart, network, images) < 0.5


@pytest.mark.parametrize(
    "make", [lambda: Wider(1.0), lambda: Wider(noise=-1), lambda: Deeper(kernel=2), lambda: Deeper(noise=-1)]
)
def test_settings_that_are_none(make):
    with pytest.raises(ConfigError):
        make()


def test_a_network_is_whole():
    network = residual()
    for weights, stats in (
        ({**network.weights, "more": torch.ones(1)}, network.stats),
        (network.weights, {}),
        ({k: v for k, v in network.weights.items() if k != "head/bias"}, network.stats),
        ({**network.weights, "head/bias": torch.ones(4)}, network.stats),
    ):
        with pytest.raises(GraphError, match="do not fit the graph"):
            WeightedNetwork(network.graph, weights, stats)
