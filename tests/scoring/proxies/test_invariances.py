"""What must not change a proxy, and what it must agree with."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ghn.graph import Graph, GraphBuilder, Interpreter, simplify
from ghn.nets.initial import GaussianInit, RandomInit
from ghn.scoring.proxies import ZERO_COST, grasp, jacob_cov, naswot, synaptic_flow, synflow, zen
from ghn.spaces import NASBench201
from ghn.tasks import ImageTask
from ghn.types import Network, WeightDict

CELL = ("nor_conv_3x3", "nor_conv_1x1", "none", "skip_connect", "nor_conv_3x3", "avg_pool_3x3")
LABELS = torch.arange(12) % 4


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def drawn(space: NASBench201) -> tuple[Graph, WeightDict]:
    graph = simplify(space.network(CELL).graph)
    return graph, RandomInit(0)([graph])[0]


def plain() -> Graph:
    """Two convolutions and a class head, without normalisation."""
    b = GraphBuilder((2, 4, 4))
    x = b.add("relu", b.add("conv", b.input, name="a", out=4, kernel=3, padding=1), name="a/relu")
    x = b.add("relu", b.add("conv", x, name="b", out=3, kernel=3), name="b/relu")
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=3))


def test_synflow_is_conserved_from_layer_to_layer(toy_space: NASBench201) -> None:
    graph, weights = drawn(toy_space)
    flow = {name: float(value.sum()) for name, value in synaptic_flow(Network.of(graph), weights).items()}
    whole = flow["stem/conv/weight"]
    assert whole > 0 and flow["head/linear/weight"] == pytest.approx(whole)
    for name in ("reduce1", "reduce2"):  # all paths lead through the shortcut or the convolutions
        short = flow[f"{name}/shortcut/conv/weight"]
        assert short + flow[f"{name}/a/conv/weight"] == pytest.approx(whole)
        assert short + flow[f"{name}/b/conv/weight"] == pytest.approx(whole)


def test_synflow_sees_no_signs_and_no_normalisation(toy_space: NASBench201) -> None:
    graph, weights = drawn(toy_space)
    other = {name: -3 * w if "/norm/" in name else -w for name, w in weights.items()}
    assert float(synflow(Network.of(graph), other)) == pytest.approx(float(synflow(Network.of(graph), weights)))


def test_a_longer_or_wider_network_lets_more_flow() -> None:
    values = []
    for width, depth in ((4, 1), (8, 1), (8, 2)):
        graph = NASBench201((3, 8, 8), 4, width=width, depth=depth).network(CELL).graph
        values.append(float(synflow(Network.of(graph), RandomInit(0)([graph])[0])))
    assert values == sorted(values)


@pytest.mark.parametrize("proxy", [naswot, jacob_cov])
def test_order_of_images_does_not_matter(proxy: Callable[..., Tensor], toy_space: NASBench201) -> None:
    graph, weights = drawn(toy_space)
    images, order = noise(12, 3, 8, 8), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    assert float(proxy(Network.of(graph), weights, images[order])) == pytest.approx(
        float(proxy(Network.of(graph), weights, images)), rel=1e-3
    )


@pytest.mark.parametrize("name", [name for name in ZERO_COST if name != "zen"])
def test_order_of_channels_does_not_matter(name: str) -> None:
    graph, order = plain(), torch.tensor([3, 0, 2, 1])  # four: MeCo compares no more at once
    weights = RandomInit(0)([graph])[0]
    other = weights | {"a/weight": weights["a/weight"][order], "b/weight": weights["b/weight"][:, order]}
    images, labels = noise(12, 2, 4, 4), LABELS % 3
    before, after = (float(ZERO_COST[name](Network.of(graph), w, images, labels)[name]) for w in (weights, other))
    assert after == pytest.approx(before, rel=1e-4)


def test_naswot_does_not_see_the_scale_of_weights() -> None:
    graph = plain()
    weights, images = RandomInit(0)([graph])[0], noise(8, 2, 4, 4)
    scaled = {name: 7 * w for name, w in weights.items()}
    assert float(naswot(Network.of(graph), scaled, images)) == float(naswot(Network.of(graph), weights, images))
    assert float(naswot(Network.of(graph), weights, images[[0, 0, 1]])) == -torch.inf  # two images of one code


def test_images_that_differ_more_are_told_apart_better() -> None:
    graph = plain()
    weights, images = RandomInit(0)([graph])[0], noise(8, 2, 4, 4)
    alike = images[:1] + 0.05 * images
    for proxy in (naswot, jacob_cov):
        assert float(proxy(Network.of(graph), weights, alike)) < float(proxy(Network.of(graph), weights, images)), proxy


def test_grasp_agrees_with_the_whole_hessian() -> None:
    graph = plain()
    module = Interpreter(graph)
    weights = {name: w.double() for name, w in RandomInit(0)([graph])[0].items()}
    images, labels = noise(6, 2, 4, 4).double(), torch.arange(6) % 3
    names = [name for name in weights if name.endswith("weight")]
    flat = torch.cat([weights[name].flatten() for name in names])

    def loss(vector: Tensor) -> Tensor:
        parts = vector.split([weights[name].numel() for name in names])
        held = {name: part.view_as(weights[name]) for name, part in zip(names, parts, strict=True)}
        return F.cross_entropy(module.run(weights | held, images).output, labels)

    hessian = torch.autograd.functional.hessian(loss, flat)
    gradient = torch.autograd.functional.jacobian(loss, flat)
    expected = -float(flat @ hessian @ gradient)
    assert float(grasp(Network.of(graph), weights, images, labels)) == pytest.approx(expected, rel=1e-6)
    step = 1e-4  # shrinking the weights adds twice the value times the share to the squared norm of the gradient
    shrunk = torch.autograd.functional.jacobian(loss, flat * (1 - step))
    gain = float(shrunk.square().sum() - gradient.square().sum()) / (2 * step)
    assert gain == pytest.approx(expected, rel=1e-2)


def test_zen_gives_back_what_normalisations_take() -> None:
    values = []
    for factor in (1.0, 10.0):
        graph = simplify(NASBench201((3, 8, 8), 4, width=4, depth=1).network(CELL).graph)
        weights = GaussianInit(0)([graph])[0]
        weights["stem/conv/weight"] = weights["stem/conv/weight"] * factor
        values.append(float(zen(Network.of(graph), weights, torch.zeros(16, 3, 8, 8))))
    assert values[1] - values[0] == pytest.approx(torch.tensor(10.0).log().item(), abs=0.01)


@pytest.mark.parametrize("name", ZERO_COST)
def test_weights_and_images_are_left_alone(name: str, toy_space: NASBench201, toy_task: ImageTask) -> None:
    graph, weights = drawn(toy_space)
    images, labels = toy_task.train.batch(slice(12))
    before = ({name: w.clone() for name, w in weights.items()}, images.clone())
    with torch.no_grad():  # gradients are taken where nobody asked for them
        value = ZERO_COST[name](Network.of(graph), weights, images, labels)[name]
    assert value.isfinite() and not value.requires_grad
    assert all(torch.equal(weights[n], w) and w.grad is None for n, w in before[0].items())
    assert torch.equal(images, before[1]) and not images.requires_grad
