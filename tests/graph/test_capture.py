"""Modules from elsewhere as graphs: the same function, the same weights, or an error that names the module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import torchvision
from plain_nasbench201 import PlainNetwork
from torch import Tensor, nn
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vision_transformer import VisionTransformer

from ghn.errors import GraphError
from ghn.graph import Graph, canonical_hash, capture, check, simplify
from ghn.graph.program import interpreter_of
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
        self.cells = nn.Sequential(Block(3, 4, 1), nn.Dropout2d(0.1), nn.MaxPool2d(3, 2, 1), Block(4, 6, 2))
        self.average = nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
        self.relu = nn.ReLU(inplace=True)  # used twice, as it has no weights
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.cells(x)
        x = torch.cat([self.relu(self.average(x)), self.relu(sum([x, x, 0 * x]))], dim=1)
        if self.flatten == "mean":
            return self.head(F.dropout(x.mean((2, 3)), 0.1, self.training))
        if self.flatten == "full":
            return self.head(torch.flatten(F.avg_pool2d(x, 2), 1))
        x = self.pool(x)
        return self.head(x.view(x.size(0), -1) if self.flatten == "view" else x.squeeze(-1).squeeze(-1))


class Calls(nn.Module):
    """A module that calls a function with itself."""

    def __init__(self, call: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.call = call
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args: Any, **named: Any) -> Any:
        return self.call(self, *args, **named)


def warmed(module: nn.Module, *shape: int) -> tuple[nn.Module, Tensor]:
    """A module whose normalisations have seen data, in training and double precision; and other data."""
    torch.manual_seed(0)
    for p in module.parameters():
        p.data = torch.randn_like(p) * 0.3
    module.double().train()
    module(torch.randn(16, *shape, dtype=torch.float64))
    return module, torch.randn(4, *shape, dtype=torch.float64)


def on_batch_statistics(module: nn.Module) -> nn.Module:
    """In evaluation but for its normalisations."""
    for m in module.eval().modules():
        if isinstance(m, nn.modules.batchnorm._BatchNorm):
            m.train()
    return module


def state(module: nn.Module) -> dict[str, Any]:
    """All that a capture could change."""
    buffers = {name: b.clone() for name, b in [*module.named_buffers(), *module.named_parameters()]}
    return buffers | {f"{path}/mode": m.training for path, m in module.named_modules()}


def same(before: dict[str, Any], module: nn.Module) -> bool:
    after = state(module)
    return before.keys() == after.keys() and all(
        torch.equal(value, after[k]) if isinstance(value, Tensor) else value == after[k] for k, value in before.items()
    )


def check_same(module: nn.Module, x: Tensor) -> Graph:
    """Graph and program compute what the module does, in evaluation and on batch statistics; it is not changed."""
    before = state(module)
    captured = capture(module, x[:1])
    network = Network.from_module(module, x[:1])
    stats = {name: module.get_buffer(own).clone() for name, own in captured.stats.items()}
    own = dict(network.own)
    assert own.keys() == {p.name for p in captured.graph.params()}
    for program in (interpreter_of(captured), network.program):
        found, whole = program.run(own, x).output, program.with_stats()
        assert whole.new_stats().keys() == stats.keys()
        trained = {name: value.clone() for name, value in stats.items()}
        evaluated = whole.run(own | trained, x).output
        assert all(torch.equal(trained[name], value) for name, value in stats.items())
        assert same(before, module)
        torch.testing.assert_close(evaluated, module.eval()(x))
        module.train()
        mode = {name: b.clone() for name, b in module.named_buffers()}
        torch.testing.assert_close(found, on_batch_statistics(module)(x))
        module.train()
        for name, b in module.named_buffers():
            b.copy_(mode[name])
    return captured.graph


@pytest.mark.parametrize("flatten", ["view", "mean", "full", "squeeze"])
def test_a_residual_network_computes_the_same(flatten: str) -> None:
    module, x = warmed(Residual(flatten), 3, 8, 8)
    graph = check_same(module, x)
    assert {p.name for p in graph.params()} == {name.replace(".", "/") for name, _ in module.named_parameters()}
    assert {"conv", "batch_norm", "relu", "max_pool", "avg_pool", "concat", "sum", "linear"} <= {
        n.op for n in graph.nodes
    }


def vision_transformer(heads: int = 2) -> nn.Module:
    return VisionTransformer(16, 8, num_layers=2, num_heads=heads, hidden_dim=16, mlp_dim=24, num_classes=5)


NETWORKS: list[Callable[[], nn.Module]] = [
    lambda: torchvision.models.regnet_x_400mf(num_classes=3),
    lambda: torchvision.models.mobilenet_v3_small(num_classes=3),
    lambda: torchvision.models.shufflenet_v2_x0_5(num_classes=3),
    vision_transformer,
    lambda: SwinTransformer([2, 2], 8, [2, 2], [2, 2], [4, 4], num_classes=5),
    lambda: ConvNeXt([CNBlockConfig(8, 16, 2), CNBlockConfig(16, None, 1)], num_classes=4),
]


@pytest.mark.parametrize("build", NETWORKS)
def test_networks_of_torchvision(build: Callable[[], nn.Module]) -> None:
    module = build().eval()
    side = 16 if isinstance(module, VisionTransformer) else 32
    captured = capture(module, torch.randn(1, 3, side, side))
    assert set(captured.params.values()) == {name for name, _ in module.named_parameters()}
    assert check(module, torch.randn(1, 3, side, side)) < 1e-5
    again = Graph.from_json(captured.graph.to_json())
    assert again == captured.graph and again.class_head is not None


@pytest.mark.parametrize(
    "arch",
    [
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|nor_conv_1x1~1|+|nor_conv_1x1~0|skip_connect~1|avg_pool_3x3~2|",
    ],
)
def test_the_benchmarks_network_is_found_again(arch: str) -> None:
    space = NASBench201((3, 8, 8), classes=7, width=4, depth=2)
    module = PlainNetwork(space.parse(arch), classes=7, width=4, depth=2, running_stats=True)
    graph = capture(module, torch.randn(2, 3, 8, 8)).graph
    assert canonical_hash(simplify(graph)) == canonical_hash(simplify(space.network(space.parse(arch)).graph))


@pytest.mark.parametrize("name", ZERO_COST)
def test_proxies_work_on_captured_modules(name: str) -> None:
    module, x = warmed(Residual(), 3, 8, 8)
    network = Network.from_module(module.float(), x.float())
    labels = torch.tensor([0, 1, 2, 3])
    value = ZERO_COST[name](network, dict(network.own), x.float(), labels)[name]
    assert value.isfinite()
    if name == "grad_norm":  # against PyTorch's own gradients
        F.cross_entropy(on_batch_statistics(module)(x.float()), torch.tensor([0, 1, 2, 3])).backward()
        layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        expected = sum(float(m.weight.grad.norm()) for m in layers)  # type: ignore[union-attr]
        assert float(value) == pytest.approx(expected, rel=1e-4)


# --- what happens in place ---


def conv() -> nn.Conv2d:
    return nn.Conv2d(3, 3, 3, padding=1)


IN_PLACE: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "an activation that two read": lambda m, x: (lambda y: m.b(y + m.a(F.relu_(y))))(m.a(x)),
    "through a view": lambda m, x: (lambda y: (y.flatten(1).relu_(), m.b(y))[1])(m.a(x)),
    "and read by an older view": lambda m, x: (lambda y, v: (y.mul_(2), v)[1])(y := m.a(x), y.flatten(1)),
    "an addition": lambda m, x: m.b(m.a(x).add_(x)),
    "a clone is another": lambda m, x: (lambda y, z: (y.zero_(), m.b(z))[1])(y := m.a(x), y.clone()),
    "an alias is the same": lambda m, x: (lambda y, z: (y.relu_(), m.b(z))[1])(y := m.a(x), y.detach()),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_operations_in_place(name: str) -> None:
    torch.manual_seed(0)
    module = Calls(IN_PLACE[name], a=conv(), b=conv())
    x = torch.randn(3, 3, 6, 6)
    network = Network.from_module(module, x)
    own, y = dict(network.own), x.clone()
    torch.testing.assert_close(network.program.run(own, x).output, module(x))
    assert torch.equal(x, y)
    if name == "through a view":  # of a part of a memory: seen, and only the module knows what is left
        assert "ghn.write" in {node.op for node in network.graph.nodes}
    else:
        torch.testing.assert_close(network.program.run(own, x, ["input"]).output, module(x))


# --- all kinds of layers, and of what is no layer ---

TABLE = nn.Parameter(torch.randn(7, 4))
LAYERS: dict[str, tuple[nn.Module, tuple[int, ...], set[str]]] = {
    "1-D": (nn.Sequential(nn.Conv1d(3, 4, 5, 2, 1), nn.BatchNorm1d(4), nn.GELU()), (3, 16), {"conv_weight"}),
    "3-D": (nn.Conv3d(2, 4, (1, 3, 3), groups=2), (2, 4, 6, 6), {"conv_weight"}),
    "transposed": (nn.ConvTranspose2d(3, 4, 3, 2, 1, 1), (3, 6, 6), {"transposed_weight"}),
    "rectangular": (nn.Conv2d(3, 4, (1, 7), (1, 2), (0, 3)), (3, 6, 8), {"conv_weight"}),
    "reflecting": (nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect"), (3, 6, 6), {"conv_weight"}),
    "depthwise": (nn.Conv2d(4, 8, 3, groups=4, padding="same"), (4, 6, 6), {"conv_weight"}),
    "group norm": (nn.Sequential(nn.GroupNorm(2, 4), nn.SiLU()), (4, 6, 6), {"norm_weight", "norm_bias"}),
    "layer norm": (nn.LayerNorm([4, 6]), (3, 4, 6), {"norm_weight", "norm_bias"}),
    "rms norm": (nn.RMSNorm(6), (4, 6), {"scale"}),
    "plain norm": (nn.BatchNorm2d(3, eps=1e-3, affine=False), (3, 6, 6), set()),
    "instance norm": (nn.InstanceNorm2d(3, affine=True), (3, 6, 6), {"norm_weight", "norm_bias"}),
    "attention": (
        Calls(lambda m, x: m.a(x, x, x)[0], a=nn.MultiheadAttention(8, 2, batch_first=True)),
        (5, 8),
        {"matrix", "bias"},
    ),
    "written out": (
        Calls(lambda m, x: (m.q(x) @ m.k(x).mT / 2).softmax(-1) @ x, q=nn.Linear(8, 4), k=nn.Linear(8, 4)),
        (5, 8),
        {"matrix", "bias"},
    ),
    "fused": (Calls(lambda m, x: F.scaled_dot_product_attention(m.q(x), x, x), q=nn.Linear(8, 8)), (5, 8), {"matrix"}),
    "class token": (
        Calls(
            lambda m, x: m.head((torch.cat([m.token.expand(len(x), -1, -1), x], 1) + m.place) * m.scale)[:, 0],
            token=nn.Parameter(torch.randn(1, 1, 8)),
            place=nn.Parameter(torch.randn(1, 6, 8)),
            scale=nn.Parameter(torch.ones(8)),
            head=nn.Linear(8, 3),
        ),
        (5, 8),
        {"embedding", "scale", "matrix", "bias"},
    ),
    "squeeze and excitation": (
        Calls(
            lambda m, x: x * m.up(m.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid(),
            down=nn.Conv2d(4, 2, 1),
            up=nn.Conv2d(2, 4, 1),
        ),
        (4, 6, 6),
        {"conv_weight", "bias"},
    ),
    "shuffled": (nn.Sequential(nn.ChannelShuffle(2), nn.PixelShuffle(2), nn.Flatten()), (8, 4, 4), set()),
    "pools": (
        nn.Sequential(nn.AvgPool2d(3, 1, 1), nn.MaxPool2d(2, ceil_mode=True), nn.AdaptiveAvgPool2d(2)),
        (3, 7, 7),
        set(),
    ),
    "of parameters": (
        Calls(lambda m, x: F.conv2d(x, F.normalize(m.w, dim=1)), w=nn.Parameter(torch.randn(4, 3, 1, 1))),
        (3, 6, 6),
        {"tensor"},
    ),
    "a temperature": (Calls(lambda m, x: x * m.t.exp(), t=nn.Parameter(torch.tensor(0.5))), (8,), {"scalar"}),
    "split": (Calls(lambda m, x: torch.stack([p.sum(1) for p in x.chunk(2, 1)], 1)), (4, 6), set()),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_compute_the_same(name: str) -> None:
    module, shape, kinds = LAYERS[name]
    graph = check_same(*warmed(module, *shape))
    assert {p.kind for p in graph.params()} >= kinds


def test_tokens_and_recurrent_layers() -> None:
    module = Calls(
        lambda m, t: m.head(m.rnn(m.table(t))[0][:, -1]),
        table=nn.Embedding(11, 6),
        rnn=nn.LSTM(6, 5, batch_first=True),
        head=nn.Linear(5, 2),
    )
    tokens = torch.randint(11, (3, 7))
    network = Network.from_module(module, tokens)
    torch.testing.assert_close(network.program.run(dict(network.own), tokens).output, module(tokens))
    assert [n.op for n in network.graph.nodes].count("aten.lstm.input") == 1  # and not an operator a time step
    kinds = {p.name: p.kind for p in network.graph.params()}
    assert kinds["table/weight"] == "embedding" and kinds["rnn/weight_hh_l0"] == "matrix"
    assert kinds["head/weight"] == "linear_weight"


class Scaled(nn.Conv2d):
    """A subclass with a forward pass of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


def test_subclasses_count_as_what_they_are() -> None:
    module, x = warmed(nn.Sequential(Scaled(3, 4, 3)), 3, 8, 8)
    assert [n.op for n in check_same(module, x).nodes] == ["input", "conv", "aten.mul.Tensor"]


@pytest.mark.parametrize("tied", [False, True])
def test_shared_weights_are_one_parameter(tied: bool) -> None:
    module = Calls(lambda m, x: m.b(m.a(x)), a=conv(), b=conv())
    if tied:
        module.b.weight = module.a.weight
    else:
        module.call = lambda m, x: m.a(m.a(x))
    graph = check_same(*warmed(module, 3, 6, 6))
    names = [p.name for p in graph.params()]
    assert names == (["a/weight", "a/bias", "b/bias"] if tied else ["a/weight", "a/bias"])
    assert [len(ps) for ps in graph.node_params] == [0, 2, 2]


def test_several_inputs_and_outputs() -> None:
    module = Calls(lambda m, image, vector: {"logits": m.a(image).mean((2, 3)) + vector, "vector": vector}, a=conv())
    inputs = {"vector": torch.randn(4, 3), "image": torch.randn(4, 3, 6, 6)}
    network = Network.from_module(module, inputs)
    assert [n.op for n in network.graph.nodes[:2]] == ["input", "input"]
    found = network.program.run(dict(network.own), inputs).output
    torch.testing.assert_close(found, module(**inputs))
    pair = Calls(lambda m, x, y: m.a(x) + y, a=conv())
    x = (torch.randn(2, 3, 6, 6), torch.randn(2, 3, 6, 6))
    network = Network.from_module(pair, x)
    torch.testing.assert_close(network.program.run(dict(network.own), x).output, pair(*x))


def test_an_operation_that_nobody_has_met_is_a_node() -> None:
    module = Calls(lambda m, x: m.a(torch.special.entr(x.abs())), a=conv())
    x = torch.randn(3, 3, 6, 6)
    network = Network.from_module(module, x)
    node = network.graph.nodes[2]
    assert (node.op, node.shape, node.inputs) == ("aten.special_entr.default", (3, 6, 6), (1,))
    torch.testing.assert_close(network.program.run(dict(network.own), x).output, module(x))
    with pytest.raises(GraphError, match=r"inner values[\s\S]*special_entr"):
        network.program.run(dict(network.own), x, ["a"])


def test_every_attribute_is_seen() -> None:
    x = torch.randn(1, 3, 16, 16)
    heads = {canonical_hash(capture(vision_transformer(heads), x).graph) for heads in (1, 2, 4)}
    norms = {canonical_hash(capture(nn.GroupNorm(n, 4), torch.randn(1, 4, 3)).graph) for n in (1, 2, 4)}
    eps = {canonical_hash(capture(nn.BatchNorm2d(3, eps=e), x).graph) for e in (1e-5, 1e-3)}
    assert (len(heads), len(norms), len(eps)) == (3, 3, 2)


def test_only_the_class_head_is_the_class_head() -> None:
    module = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4), nn.LogSoftmax(-1))
    kinds = [p.kind for p in capture(module, torch.randn(2, 6)).graph.params()]
    assert kinds == ["matrix", "bias", "linear_weight", "linear_bias"]


def test_weights_are_differentiated_through() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(64, 2))
    network = Network.from_module(module, torch.randn(2, 3, 6, 6))
    weights = {name: value.clone().requires_grad_() for name, value in network.own.items()}
    network.program.run(weights, torch.randn(4, 3, 6, 6)).output.square().sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in weights.values())
    assert all(p.grad is None for p in module.parameters())


def test_a_module_runs_where_its_inputs_lie() -> None:
    """The device `meta` stands for a GPU: tensors of two devices do not meet on it either."""

    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 2))
            self.register_buffer("by", torch.ones(2))
            self.temperature = nn.Parameter(torch.ones(()))

        def forward(self, x: Tensor) -> Tensor:
            return self.layers(x) * self.temperature + self.by

    module = Shifted()
    network = Network.from_module(module, torch.zeros(2, 3, 4, 4))
    made = {name: w.to("meta") for name, w in network.own.items() if name != "temperature"}
    weights = network.complete(made)
    assert weights["temperature"].device.type == "meta"
    x = torch.zeros(2, 3, 4, 4, device="meta")
    for program in (network.program, interpreter_of(capture(module, torch.zeros(2, 3, 4, 4)))):
        assert program.run(weights, x).output.device.type == "meta"
    assert module.by.device.type == "cpu"


def test_missing_weights_are_named_and_can_be_completed() -> None:
    network = Network.from_module(nn.Linear(3, 2), torch.randn(2, 3))
    with pytest.raises(GraphError, match=r"missing: \['bias'\]"):
        network.program.run({"weight": torch.zeros(2, 3)}, torch.randn(2, 3))
    whole = network.complete({"weight": torch.zeros(2, 3)})
    assert whole["weight"].eq(0).all() and whole["bias"] is network.own["bias"]


# --- what cannot be captured: a sentence, and nothing is changed ---


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x * 2


def hooked() -> nn.Module:
    module = nn.Sequential(conv())
    module[0].register_forward_hook(lambda m, args, out: out)
    return module


IMAGE = torch.randn(2, 3, 6, 6)
WRONG: list[tuple[Callable[[], nn.Module], Any, str]] = [
    (lambda: nn.Sequential(Calls(lambda m, x: x if x.sum() > 0 else -x)), IMAGE, r"module '0'[\s\S]*control flow"),
    (
        lambda: nn.Sequential(conv(), nn.Conv2d(4, 3, 1)),
        IMAGE,
        r"module '1' of Sequential[\s\S]*channel",
    ),
    (lambda: nn.Sequential(conv()), None, "example_inputs are missing"),
    (lambda: nn.Sequential(conv()), torch.zeros(()), "misshapen"),
    (lambda: nn.Sequential(conv()), (IMAGE, IMAGE), "TypeError"),
    (lambda: nn.Sequential(conv()).to("meta"), IMAGE, r"module '0' of .* is on meta"),
    (lambda: nn.Sequential(conv()).half(), IMAGE, r"module '0' of .*float16[\s\S]*\.float\(\)"),
    (hooked, IMAGE, "module '0' of Sequential has hooks"),
    (lambda: nn.Sequential(torch.jit.trace(conv(), IMAGE)), IMAGE, "module '0' of Sequential is scripted"),
    (lambda: Calls(lambda m, x: m.a.weight, a=conv()), IMAGE, "does not depend on the inputs"),
    (lambda: Calls(lambda m, x: None), IMAGE, "does not depend on the inputs"),
    (lambda: Calls(lambda m, x: x + float(x.mean())), IMAGE, "control flow"),
]


@pytest.mark.parametrize(("build", "inputs", "message"), WRONG, ids=[message[:30] for *_, message in WRONG])
def test_what_cannot_be_captured_is_named(build: Callable[[], nn.Module], inputs: Any, message: str) -> None:
    module = build().train()
    before = None if any(p.is_meta for p in module.parameters()) else state(module)
    with pytest.raises(GraphError, match=message):
        Network.from_module(module, inputs)
    assert before is None or same(before, module)


def test_a_forward_pass_that_counts_leaves_the_modules_count_alone() -> None:
    module = nn.Sequential(Counting(), conv())
    network = Network.from_module(module, IMAGE)
    assert module[0].calls == 0 and network.graph.nodes[1].op == "aten.mul.Tensor"


def test_a_graph_that_computes_something_else_is_refused() -> None:
    module = Calls(lambda m, x: m.a(x) * torch.rand(()), a=conv())
    with pytest.raises(GraphError, match=r"does not compute[\s\S]*check=False"):
        Network.from_module(module, IMAGE)
    assert len(Network.from_module(module, IMAGE, check=False).graph) == 4
