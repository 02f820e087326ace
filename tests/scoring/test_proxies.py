"""Zero-cost proxies against numbers worked out by hand."""

import pytest
import torch
from torch import nn

from ghn.graph import simplify
from ghn.nets.initial import RandomInit
from ghn.scoring.proxies import ProxyReadout, meco, swap
from ghn.scoring.readouts import Sample, make_readout
from ghn.spaces import NASBench201
from ghn.types import Network

PROXIES = ("meco", "swap")


class Turned(nn.Module):
    """Channels and positions the other way round, as transformers have them."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mT


def test_meco_is_one_minus_the_correlation_of_two_channels():
    x = torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    rho = torch.stack([torch.corrcoef(image.flatten(1))[0, 1] for image in x])
    assert float(meco([x])) == pytest.approx(float((1 - rho.abs()).mean()), abs=1e-6)
    assert float(meco([x, x])) == pytest.approx(2 * float(meco([x])))


def test_meco_sees_neither_scale_nor_order_of_a_groups_channels():
    x = torch.rand(2, 4, 4, 4, generator=torch.Generator().manual_seed(1))
    scale = torch.tensor([1.0, 2.0, 5.0, 0.5]).view(1, 4, 1, 1)
    assert float(meco([(x * scale)[:, [3, 1, 0, 2]]])) == pytest.approx(float(meco([x])), abs=1e-6)
    double = torch.cat([x[:, :3], x[:, :1]], 1)  # a channel that says nothing new
    assert float(meco([double])) == pytest.approx(0, abs=1e-9)


def test_meco_is_no_worse_for_being_wide():
    """Four channels at a time: many that say different things count as few do, where all at once would near zero."""
    few, many, some = (torch.randn(64, c, 12, 12, generator=torch.Generator().manual_seed(2)) for c in (4, 64, 10))
    assert float(meco([many])) == pytest.approx(float(meco([few])), rel=0.05)  # all at once: 0.11
    assert float(meco([some])) == pytest.approx(float(meco([few])), rel=0.05)
    assert torch.equal(meco([some[:, :8]]), meco([some]))  # two groups of four, and two that are left over
    halves = torch.cat([few, few], 1)
    assert float(meco([halves])) == pytest.approx(0, abs=1e-9)  # groups are spaced over all channels


def test_meco_compares_features_of_tokens_and_channels_of_maps():
    tokens = nn.Sequential(nn.Conv2d(3, 24, 2, stride=2), nn.Flatten(2), Turned(), nn.Linear(24, 32), nn.ReLU())
    maps = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for body, features in ((tokens, 32 * 16), (maps, 8 * 64)):
        network = Network.from_module(nn.Sequential(*body, nn.Flatten(), nn.Linear(features, 2)), x)
        weights = RandomInit(0)([network.graph])[0]
        (name,) = (node.name for node in network.graph.nodes if node.operation.activates)
        out = network.program.run(weights, x, [name]).inner[name]
        expected = meco([out.mT if body is tokens else out])
        found = ProxyReadout("meco", x, torch.zeros(4, dtype=torch.long))(network, weights)
        assert float(found["meco"]) == pytest.approx(float(expected), rel=1e-5) and float(expected) > 0


def test_meco_of_vectors_is_zero_and_of_what_is_not_finite_is_not():
    x = torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    assert float(meco([x.flatten(1)])) == 0
    network = Network.from_module(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2)), x)
    weights = RandomInit(0)([network.graph])[0]
    infinite = {name: torch.full_like(w, float("inf")) if w.ndim == 4 else w for name, w in weights.items()}
    assert not ProxyReadout("meco", x, torch.zeros(4, dtype=torch.long))(network, infinite)["meco"].isfinite()


def test_swap_counts_units_that_fire_differently():
    x = torch.tensor([[[[1.0, -1.0], [1.0, 1.0]]], [[[1.0, -1.0], [-1.0, 1.0]]]])  # 2 images, 1 channel, 4 units
    assert float(swap([x])) == 3  # both, neither, the first alone
    assert float(swap([x, x])) == 6


def test_every_proxy_comes_from_one_pass_and_live_operations_alone(toy_space, toy_task):
    arch = ("nor_conv_3x3", "nor_conv_1x1", "none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3")
    graph = simplify(toy_space.network(arch).graph)
    weights = RandomInit(0)([graph])[0]
    found = {name: make_readout(name, toy_task, Sample(val=8, proxy=8))(Network.of(graph), weights) for name in PROXIES}
    for name, readings in found.items():
        assert set(readings) == {"value", *PROXIES} and readings["value"] == readings[name] > 0


def test_random_weights_tell_a_rich_cell_from_a_poor_one(toy_task):
    space = NASBench201((3, 8, 8), 4, width=8, depth=2)
    rich, poor = ("nor_conv_3x3",) * 6, ("avg_pool_3x3",) * 6
    images, labels = toy_task.val.take(8, 0).batch(torch.arange(8))
    for name in PROXIES:
        values = []
        for arch in (rich, poor):
            graph = simplify(space.network(arch).graph)
            values.append(
                float(ProxyReadout(name, images, labels)(Network.of(graph), RandomInit(0)([graph])[0])["value"])
            )
        assert values[0] > values[1], name
