"""Modules from elsewhere in the IR: the same function, the same weights, or an error that names the layer."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
import torchvision
from plain_nasbench201 import PlainNetwork
from torch import Tensor, nn

from ghn.errors import GraphError
from ghn.graph import OPS, Interpreter, Op, Traced, canonical_hash, register, simplify, trace
from ghn.graph.op import Translation
from ghn.scoring.proxies import ZERO_COST
from ghn.spaces import NASBench201
from ghn.types import Network


class Block(nn.Module):
    """A residual block, by layers and by calls."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(c_out)
        self.grouped = nn.Conv2d(c_out, c_out, 3, padding=2, dilation=2, groups=2)
        self.short = nn.Identity() if c_in == c_out else nn.Conv2d(c_in, c_out, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm(self.conv(x)), inplace=False)
        y = self.grouped(y)
        y += self.short(x)
        return y.relu()


class Residual(nn.Module):
    """All operations of the IR, and each way of pooling and flattening."""

    def __init__(self, flatten: str = "view") -> None:
        super().__init__()
        self.flatten = flatten
        self.body = nn.Sequential(Block(3, 4, 1), nn.Dropout2d(0.1), nn.MaxPool2d(3, 2, 1), Block(4, 6, 2))
        self.average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.relu = nn.ReLU(inplace=True)  # used twice, as it has no weights
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        x = torch.cat([self.relu(self.average(x)), self.relu(sum([x, x, 0 * x]))], dim=1)
        if self.flatten == "mean":
            return self.head(F.dropout(x.mean((2, 3)), 0.1, self.training))
        if self.flatten == "full":
            return self.head(torch.flatten(F.avg_pool2d(x, 2), 1))
        x = self.pool(x)
        return self.head(x.view(x.size(0), -1) if self.flatten == "view" else x.squeeze(-1).squeeze(-1))


def warmed(module: nn.Module, side: int = 8) -> tuple[nn.Module, Tensor]:
    """A module whose normalisations have seen images, and others."""
    torch.manual_seed(0)
    for p in module.parameters():
        p.data = torch.randn_like(p) * 0.3
    module.double().train()
    module(torch.randn(16, 3, side, side, dtype=torch.float64))
    return module, torch.randn(4, 3, side, side, dtype=torch.float64)


def check_same(module: nn.Module, traced: Traced, x: Tensor) -> None:
    """In evaluation, and on batch statistics."""
    whole = Interpreter(traced.graph, running_stats=True)
    torch.testing.assert_close(whole.run(traced.weights | traced.stats, x).output, module.eval()(x))
    torch.testing.assert_close(Interpreter(traced.graph).run(traced.weights, x).output, on_batch_statistics(module)(x))


def on_batch_statistics(module: nn.Module) -> nn.Module:
    """In evaluation but for its normalisations."""
    for m in module.eval().modules():
        if isinstance(m, nn.BatchNorm2d):
            m.train()
    return module


@pytest.mark.parametrize("flatten", ["view", "mean", "full", "squeeze"])
def test_a_residual_network_computes_the_same(flatten: str) -> None:
    module, x = warmed(Residual(flatten))
    traced = trace(module, (3, 8, 8))
    assert {p.name for p in traced.graph.params()} == set(traced.weights)
    assert set(traced.weights) == {name.replace(".", "/") for name, _ in module.named_parameters()}
    check_same(module, traced, x)


@pytest.mark.parametrize(
    "build", [torchvision.models.resnet18, torchvision.models.regnet_x_400mf], ids=lambda b: b.__name__
)
def test_networks_of_torchvision(build: Callable[..., nn.Module]) -> None:
    module, x = warmed(build(num_classes=3), 32)
    check_same(module, trace(module, (3, 32, 32)), x)


@pytest.mark.parametrize(
    "arch",
    [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
        "|avg_pool_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|",
    ],
)
def test_the_benchmarks_network_is_found_again(arch: str) -> None:
    space = NASBench201((3, 8, 8), classes=7, width=4, depth=2)
    module = PlainNetwork(space.parse(arch), classes=7, width=4, depth=2, running_stats=True)
    traced = trace(module, (3, 8, 8))
    assert canonical_hash(simplify(traced.graph)) == canonical_hash(simplify(space.network(space.parse(arch)).graph))


def test_the_module_is_not_touched_and_weights_are_copies() -> None:
    module, _ = warmed(Residual())
    before = {name: value.clone() for name, value in module.state_dict().items()}
    traced = trace(module, (3, 8, 8))
    for value in traced.weights.values():
        value.zero_()
    assert module.training and all(torch.equal(before[name], value) for name, value in module.state_dict().items())


@pytest.mark.parametrize("name", ZERO_COST)
def test_proxies_work_on_traced_modules(name: str) -> None:
    module, x = warmed(Residual())
    traced = trace(module.float(), (3, 8, 8))
    labels = torch.tensor([0, 1, 2, 3])
    value = ZERO_COST[name](Network.of(traced.graph), traced.weights, x.float(), labels)[name]
    assert value.isfinite()
    if name == "grad_norm":  # against PyTorch's own gradients
        F.cross_entropy(on_batch_statistics(module)(x.float()), torch.tensor([0, 1, 2, 3])).backward()
        layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        expected = sum(float(m.weight.grad.norm()) for m in layers)  # type: ignore[union-attr]
        assert float(value) == pytest.approx(expected, rel=1e-4)


def test_layers_without_scale_shift_or_bias_get_those_that_change_nothing() -> None:
    module, x = warmed(
        nn.Sequential(
            nn.Conv2d(3, 4, 3),
            nn.BatchNorm2d(4, affine=False),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(4, 2, bias=False),
        )
    )
    traced = trace(module, (3, 8, 8))
    assert {p.name for p in traced.graph.params()} == set(traced.weights)
    check_same(module, traced, x)


class Called(nn.Module):
    """A module of one call."""

    def __init__(self, call: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.call = call
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)


class Branching(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


class Twice(nn.Module):
    """A layer called twice, or two layers of one weight."""

    def __init__(self, tied: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.other = nn.Conv2d(3, 3, 1) if tied else self.conv
        self.other.weight = self.conv.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.other(self.conv(x))


WRONG: list[tuple[nn.Module, str]] = [
    (nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(nn.GELU())), r"module '1\.0'.*layer GELU[\s\S]*Conv2d.*ReLU"),
    (nn.Sequential(nn.Conv2d(3, 3, (1, 3))), r"module '0'.*kernel that differs"),
    (nn.Sequential(nn.Conv2d(3, 3, 3, padding=1, padding_mode="reflect")), "padding_mode='reflect'"),
    (nn.Sequential(nn.BatchNorm2d(3, eps=1e-3)), r"eps=0\.001"),
    (nn.Sequential(nn.AvgPool2d(3, 1, 1)), "count_include_pad=False"),
    (nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)), "ceil_mode"),
    (nn.Sequential(nn.AdaptiveAvgPool2d(2)), "only to 1"),
    (nn.Sequential(nn.Flatten()), r"flattening a map of 8x8 pixels"),
    (nn.Sequential(nn.Conv2d(4, 3, 1)), r"module '0'.*does not fit an input"),
    (nn.Sequential(Called(torch.sigmoid)), r"module '0'.*call 'sigmoid'[\s\S]*flatten"),
    (Called(lambda x: x * 2), "only with 0"),
    (Called(lambda x: x[:, :2]), "item of"),
    (Called(lambda x: x.mean(1)), "only over height and width"),
    (Called(lambda x: torch.cat([x, x], 2)), "only over channels"),
    (Called(lambda x: torch.add(x, x, alpha=2)), "alpha=2"),
    (Called(lambda x: (x, x)), "not one tensor"),
    (Called(lambda x: x.relu().view(-1)), "only flattening"),
    (Called(lambda x: x.squeeze(0)), "squeeze over 0"),
    (Called(lambda x: x), "at least one operation"),
    (Branching(), r"Branching cannot be traced[\s\S]*control flow"),
    (Twice(tied=False), r"module 'conv'.*used twice"),
    (Twice(tied=True), r"module 'other'.*used twice"),
]


@pytest.mark.parametrize(("module", "message"), WRONG, ids=[message[:30] for _, message in WRONG])
def test_what_the_ir_does_not_have_is_named(module: nn.Module, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        trace(module, (3, 8, 8))


def test_an_operation_says_what_means_it_in_pytorch() -> None:
    module, x = warmed(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Softplus(beta=2), Called(F.softplus), nn.Flatten(2)))
    with pytest.raises(GraphError, match="layer Softplus"):
        trace(module[:2], (3, 8, 8))
    op = Op(
        "softplus",
        (1, 1),
        {"beta": 1},
        infer=lambda s, a: s[0],
        run=lambda x, w, a, s: F.softplus(x[0], a["beta"]),
        layers={nn.Softplus: lambda m: Translation(attrs={"beta": m.beta})},
        calls={F.softplus: lambda input, beta=1: Translation((input,), {"beta": beta})},
    )
    register(op)
    try:
        check_same(module[:3], trace(module[:3], (3, 8, 8)), x)
        with pytest.raises(GraphError, match=r"the layers.*Softplus"):
            trace(module, (3, 8, 8))
    finally:
        del OPS["softplus"]


def test_a_translator_that_leaves_a_weight_out_is_named() -> None:
    op = Op(
        "prelu",
        (1, 1),
        {},
        infer=lambda s, a: s[0],
        run=lambda x, w, a, s: F.prelu(x[0], w[0]),
        params=lambda s, a: (("weight", (1,), "bias"),),
        layers={nn.PReLU: lambda m: Translation()},
    )
    register(op)
    try:
        with pytest.raises(GraphError, match=r"module '1'.*weight does not fit"):
            trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.PReLU()), (3, 8, 8))
    finally:
        del OPS["prelu"]


def test_a_parameter_outside_of_a_layer_and_a_second_input() -> None:
    class Scaled(Called):
        def forward(self, x: Tensor) -> Tensor:
            return x + self.bias

    class Two(nn.Module):
        def forward(self, x: Tensor, y: Tensor) -> Tensor:
            return x + y

    with pytest.raises(GraphError, match="outside of a layer"):
        trace(Scaled(torch.relu), (3, 8, 8))
    with pytest.raises(GraphError, match="second input"):
        trace(Two(), (3, 8, 8))
