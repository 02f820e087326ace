"""Proxies on networks small enough to work out on paper."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import Tensor

from ghn.graph import Graph, GraphBuilder
from ghn.nets import GaussianInit
from ghn.scoring.proxies import (
    fisher,
    flops,
    grad_norm,
    grasp,
    jacob_cov,
    naswot,
    params,
    snip,
    synaptic_flow,
    synflow,
    zen,
)
from ghn.types import Network


def classifier() -> tuple[Graph, dict[str, Tensor]]:
    """Two logits that are a pixel times log 3 and times 0: probabilities 3/4 and 1/4 for a pixel of 1."""
    b = GraphBuilder((1, 1, 1))
    graph = b.build(b.add("linear", b.add("global_pool", b.input, name="pool"), name="head", out=2))
    return graph, {"head/weight": torch.tensor([[log(3.0)], [0.0]]), "head/bias": torch.zeros(2)}


def firing(shape: tuple[int, int, int], out: int = 1) -> tuple[Graph, dict[str, Tensor]]:
    """ReLU of the image itself, mean over its pixels, and a linear layer of ones."""
    b = GraphBuilder(shape)
    x = b.add("global_pool", b.add("relu", b.input, name="relu"), name="pool")
    graph = b.build(b.add("linear", x, name="head", out=out))
    return graph, {"head/weight": torch.ones(out, shape[0]), "head/bias": torch.zeros(out)}


ONE = torch.ones(1, 1, 1, 1)
FIRST = torch.tensor([0])


def test_counts() -> None:
    b = GraphBuilder((1, 4, 4))
    x = b.add("conv", b.input, name="conv", out=2, kernel=3, padding=1)
    graph = b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=3))
    assert float(params(Network.of(graph))) == 2 * 9 + 2 * 3 + 3
    assert float(flops(Network.of(graph))) == 4 * 4 * 2 * 9 + 2 * 3


def test_gradient_of_two_logits() -> None:
    graph, weights = classifier()  # the gradient of the loss is (3/4 - 1, 1/4)
    assert float(grad_norm(Network.of(graph), weights, ONE, FIRST)) == pytest.approx(sqrt(2) / 4)
    assert float(snip(Network.of(graph), weights, ONE, FIRST)) == pytest.approx(log(3) / 4)


def test_grad_norm_is_a_sum_over_layers() -> None:
    b = GraphBuilder((1, 1, 1))
    x = b.add("global_pool", b.add("conv", b.input, name="conv", out=1, kernel=1), name="pool")
    graph = b.build(b.add("linear", x, name="head", out=2))
    weights = classifier()[1] | {"conv/weight": torch.ones(1, 1, 1, 1)}
    through_the_convolution = abs(log(3.0) * -0.25)
    assert float(grad_norm(Network.of(graph), weights, ONE, FIRST)) == pytest.approx(
        sqrt(2) / 4 + through_the_convolution
    )


def test_grasp_of_two_logits() -> None:
    graph, weights = classifier()  # H = 3/16 [[1, -1], [-1, 1]], so H g = 3/16 (-1/2, 1/2)
    assert float(grasp(Network.of(graph), weights, ONE, FIRST)) == pytest.approx(log(3) * 3 / 32)


def test_fisher_of_two_logits() -> None:
    graph, weights = classifier()
    images, labels = torch.tensor([1.0, 0.0]).view(2, 1, 1, 1), torch.tensor([0, 0])  # the second has activations of 0
    assert float(fisher(Network.of(graph), weights, images, labels)) == pytest.approx((log(3) / 4) ** 2 / 4)


def test_synflow_of_two_paths() -> None:
    b = GraphBuilder((1, 2, 2))
    x = b.add("conv", b.input, name="conv", out=2, kernel=1)
    x = b.add("relu", b.add("batch_norm", x, name="norm"), name="relu")
    graph = b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=1))
    weights = {
        "conv/weight": torch.tensor([2.0, -3.0]).view(2, 1, 1, 1),
        "norm/weight": torch.full((2,), 100.0),
        "norm/bias": torch.full((2,), 100.0),
        "head/weight": torch.tensor([[-5.0, 7.0]]),
        "head/bias": torch.zeros(1),
    }
    flow = synaptic_flow(Network.of(graph), weights)  # normalisations do not count
    assert flow["conv/weight"].flatten().tolist() == pytest.approx([10, 21])
    assert flow["head/weight"].flatten().tolist() == pytest.approx([10, 21])
    assert float(synflow(Network.of(graph), weights)) == pytest.approx(log(1 + 62))


def test_naswot_of_three_codes() -> None:
    graph, weights = firing((1, 1, 2))
    images = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]).view(3, 1, 1, 2)
    # units that agree: [[2, 1, 0], [1, 2, 1], [0, 1, 2]], of determinant 4
    assert float(naswot(Network.of(graph), weights, images)) == pytest.approx(log(4))


def test_naswot_adds_the_kernels_of_all_relus() -> None:
    b = GraphBuilder((1, 1, 2))
    x = b.add("relu", b.add("relu", b.input, name="first"), name="second")
    graph = b.build(b.add("global_pool", x, name="pool"))
    images = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0]]).view(3, 1, 1, 2)
    assert float(naswot(Network.of(graph), {}, images)) == pytest.approx(log(4 * 2**3))


def test_jacob_cov_of_two_images() -> None:
    graph, weights = firing((1, 1, 3), out=2)
    images = torch.tensor([[1.0, -1.0, -1.0], [-1.0, 1.0, -1.0]]).view(2, 1, 1, 3)
    # Jacobians (2/3, 0, 0) and (0, 2/3, 0) correlate by -1/2, which has eigenvalues 3/2 and 1/2
    expected = -sum(log(s + 1e-5) + 1 / (s + 1e-5) for s in (1.5, 0.5))
    assert float(jacob_cov(Network.of(graph), weights, images)) == pytest.approx(expected)


def scaled(norm: bool) -> Graph:
    b = GraphBuilder((1, 8, 8))
    x = b.add("conv", b.input, name="conv", out=1, kernel=1)
    x = b.add("batch_norm", x, name="norm") if norm else x
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2))


@pytest.mark.parametrize("norm", [False, True])
def test_zen_of_one_weight(norm: bool) -> None:
    graph, images = scaled(norm), torch.zeros(64, 1, 8, 8)
    weights = GaussianInit(0)([graph])[0] | {"conv/weight": torch.full((1, 1, 1, 1), 5.0)}
    # 64 pixels move by 0.01 * 5 * |e|, whose mean is sqrt(2 / pi); what a normalisation divides by is given back
    assert float(zen(Network.of(graph), weights, images)) == pytest.approx(
        log(64 * 0.05 * sqrt(2 / torch.pi)), abs=0.02
    )
