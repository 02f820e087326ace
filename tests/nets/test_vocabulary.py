from dataclasses import replace

import pytest
import torch
from torch import nn

from ghn.errors import GraphError
from ghn.graph import OPS, GraphBuilder, Op, register, simplify
from ghn.graph.vocabulary import BASE_OPERATIONS, usual_operations
from ghn.nets import GHN, GHNConfig
from ghn.nets.kinds import BASE_KINDS
from ghn.nets.vocabulary import grown_for
from ghn.spaces import DARTS, FunctionSpace, NASBench201
from ghn.types import Network

TOY = {"hidden": 8, "heads": 2, "layers": 1, "decoder_hidden": 8, "channels": 4}


@pytest.fixture
def swish():
    yield register(Op("a_swish", (1, 1), {}, lambda s, a: s[0], lambda x, w, a, s: x[0] * x[0].sigmoid()))
    del OPS["a_swish"]


class Rare:
    """Networks of one convolution, one in ten of them with a rare operation behind."""

    name = "rare"

    def __init__(self, op="a_swish"):
        self.op, self.built = op, 0

    def describe(self):
        return {}

    def sample(self, rng):
        return rng.random()

    def network(self, arch):
        self.built += 1
        b = GraphBuilder((3, 8, 8))
        x = b.add("conv", b.input, name="conv", out=4, kernel=3)
        if arch < 0.1:
            x = b.add(self.op, x, name="act")
        return Network.of(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2)))


def seven(choose):
    width = choose("width", [4, 8])
    return nn.Sequential(nn.Conv2d(3, width, 7, padding=3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4))


@pytest.mark.parametrize("space", [NASBench201((3, 8, 8), 4, 4, 1), DARTS((3, 8, 8), 4, width=4, depth=3)])
def test_spaces_of_base_operations_change_nothing(space):
    config = GHNConfig(4, **TOY)
    assert config.vocabulary == BASE_OPERATIONS == usual_operations() and config.kinds == BASE_KINDS
    assert grown_for(config, space) == config and not config.attributes


@pytest.mark.parametrize(
    ("space", "kernel"),
    [
        (NASBench201((3, 8, 8), 4, 4, 1), 3),
        (DARTS((3, 8, 8), 4, width=4, depth=3), 5),
        (FunctionSpace(seven, (3, 8, 8), 4), 5),
    ],
)
def test_the_kernel_that_is_left_open_is_the_spaces(space, kernel):
    config = GHNConfig(4, **TOY, kernel=None)
    assert grown_for(config, space).kernel == kernel
    assert grown_for(replace(config, kernel=9), space).kernel == 9
    assert GHN(config).decoder.heads["conv_weight"].kernel == 3  # of which nothing is known


def test_operations_of_the_space_come_after_those_that_are_known(swish):
    config = GHNConfig(2, **TOY, vocabulary=BASE_OPERATIONS)
    grown = grown_for(config, space := Rare())
    assert grown.vocabulary == (*BASE_OPERATIONS, "a_swish") and grown.attributes
    assert 64 < space.built <= 200
    assert grown_for(grown, Rare()) == grown
    again = GHNConfig(**grown.describe())
    assert again == grown and GHN(again).embedding.tables[0].num_embeddings == len(BASE_OPERATIONS) + 1


def test_a_small_space_is_looked_at_in_full(swish):
    class Finite(Rare):
        def distinct(self):
            return [0.5] * 150 + [0.01]

    config = GHNConfig(2, **TOY, vocabulary=BASE_OPERATIONS)
    assert grown_for(config, space := Finite()).vocabulary == (*BASE_OPERATIONS, "a_swish")
    assert space.built == 151
    assert grown_for(config, space := Rare("crop")) == config
    assert space.built < 100  # nothing new many times in a row


def test_members_that_cannot_be_built_are_passed_over(swish):
    class Fragile(Rare):
        def network(self, arch):
            if arch > 0.9:
                raise GraphError("this one fails")
            return super().network(arch)

    config = GHNConfig(2, **TOY, vocabulary=BASE_OPERATIONS)
    assert grown_for(config, Fragile()).vocabulary == (*BASE_OPERATIONS, "a_swish")


def test_kinds_grow_with_the_space_where_a_head_makes_them():
    config = GHNConfig(2, **TOY).grown(["conv"], ["tensor", "bias", "gate", "scalar", "matrix"])
    assert config.kinds == (*BASE_KINDS, "matrix", "tensor") and not config.attributes


@torch.no_grad()
def test_a_grown_hypernetwork_makes_weights(swish):
    space = Rare()
    net = GHN(grown_for(GHNConfig(2, **TOY, vocabulary=BASE_OPERATIONS), space))
    graph = simplify(space.network(0.05).graph)
    assert {p.name for p in graph.params()} == net([graph])[0].keys()
