"""What a recording must not get wrong - memory, sizes like the batch's, several outputs - and must leave alone."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from test_capture import Calls, same, state
from torch import Tensor, nn

from ghn.errors import GraphError
from ghn.graph import capture, check
from ghn.types import Network

VECTORS, IMAGES, WORDS = torch.randn(3, 8), torch.randn(3, 3, 6, 6), torch.randn(3, 5, 8)
TOKENS = torch.randint(11, (3, 7))


def linear(out: int = 4) -> nn.Linear:
    return nn.Linear(8, out)


def weight(*shape: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape))


def with_buffer(call: Callable[..., Any], value: Tensor, **parts: Any) -> nn.Module:
    module = Calls(call, **parts)
    module.register_buffer("held", value)
    return module


def made_then_filled(m: Any, x: Tensor) -> Tensor:
    made = torch.zeros(len(x), 3, 4)
    made[:, 1] = m.a(x)
    return made.flatten(1)


def part_of_a_weight(m: Any, x: Tensor) -> Tensor:
    w = m.w.clone()
    w[0].zero_()
    return F.linear(x, w)


def constant_after(m: Any, x: Tensor) -> Tensor:
    z = torch.arange(4.0)
    y = m.a(x) * z.view(1, 4)
    z.mul_(2)
    return y * z.view(1, 4)


def pooled_and_written(m: Any, x: Tensor) -> Tensor:
    mean = x.mean((2, 3), keepdim=True)
    mean.flatten(1).mul_(2)
    return mean.flatten(1) @ m.w


def recurrent(m: Any, x: Tensor) -> Tensor:
    h = x.new_zeros(len(x), 4)
    for i in range(x.shape[1]):
        h = m.a(x[:, i], h)
    return h


# networks whose graphs compute what they compute, and are known to: name -> (module, inputs)
RIGHT: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "a constant that is written to later": (lambda: Calls(constant_after, a=linear()), VECTORS),
    "a buffer that values are written to": (
        lambda: with_buffer(lambda m, x: m.held.mul_(0.9).add_(m.a(x).mean(0)) + x[:, :4], torch.ones(4), a=linear()),
        VECTORS,
    ),
    "a weight that is written to": (
        lambda: Calls(lambda m, x: (m.a.weight.detach().clamp_(-0.1, 0.1), m.a(x))[1] * 2, a=linear()),
        VECTORS,
    ),
    "an input that is written to": (lambda: Calls(lambda m, x: m.a(x.mul_(2)) + x[:, :4], a=linear()), VECTORS),
    "turned twice": (lambda: Calls(lambda m, x: F.linear(x, m.w.t()), w=weight(8, 8)), VECTORS),
    "a gradient": (
        lambda: Calls(lambda m, x: torch.func.grad(lambda v: m.a(v).square().sum())(x), a=linear()),
        VECTORS,
    ),
    "a cell": (lambda: Calls(recurrent, a=nn.GRUCell(8, 4)), WORDS),
    "an LSTM": (lambda: Calls(lambda m, x: m.a(x)[0], a=nn.LSTM(8, 4, bidirectional=True, batch_first=True)), WORDS),
    "a buffer for each item": (
        lambda: with_buffer(
            lambda m, x: m.a(x) + m.held.expand(len(x), -1) + m.held.repeat(len(x), 1), weight(1, 4).data, a=linear()
        ),
        VECTORS,
    ),
    "empty to begin with": (
        lambda: Calls(lambda m, x: torch.cat([x.new_empty(len(x), 0), m.a(x)], 1), a=linear()),
        VECTORS,
    ),
    "sizes like the batch's": (
        lambda: nn.Sequential(linear(2 * 1423), nn.Unflatten(1, (1423, 2)), nn.Flatten(0, 1), nn.Linear(2, 1)),
        VECTORS,
    ),
    "numbers like a batch": (
        lambda: Calls(lambda m, x: m.a((x * 1009 + 7) % 11).mean(1), a=nn.Embedding(11, 4)),
        TOKENS,
    ),
    "statistics of the batch alone": (
        lambda: nn.Sequential(linear(), nn.BatchNorm1d(4, track_running_stats=False), nn.Linear(4, 2)),
        VECTORS,
    ),
    "a padding mask": (
        lambda: Calls(
            lambda m, x: m.a(x, src_key_padding_mask=x.sum(-1) > 9),
            a=nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 8, batch_first=True), 1),
        ),
        WORDS,
    ),
    "attention and its weights": (
        lambda: Calls(lambda m, x: m.a(x, x, x), a=nn.MultiheadAttention(8, 2, batch_first=True)),
        WORDS,
    ),
    "a dict of one": (lambda: Calls(lambda m, x: {"logits": m.a(x)}, a=linear()), VECTORS),
    "a weight beside": (lambda: Calls(lambda m, x: (m.a.weight, m.a(x)), a=linear()), VECTORS),
    "infinite": (lambda: Calls(lambda m, x: m.a(x).masked_fill(m.a(x) > 0, float("-inf")), a=linear()), VECTORS),
    "no numbers": (lambda: Calls(lambda m, x: (m.a(x) - 9).log(), a=linear()), VECTORS),
    "classes": (lambda: Calls(lambda m, x: m.a(x).argmax(1), a=linear()), VECTORS),
    "turned in place": (lambda: Calls(lambda m, x: m.a(x).transpose_(1, 2), a=linear()), WORDS),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_graph_computes_what_the_module_does(name: str) -> None:
    torch.manual_seed(0)
    module, inputs = RIGHT[name][0](), RIGHT[name][1].clone()
    before = state(module)
    assert check(module, inputs) < 1e-4
    network = Network.from_module(module, inputs)
    network.program.run(dict(network.own), inputs)
    assert same(before, module) and torch.equal(inputs, RIGHT[name][1])


SEEN: dict[str, tuple[Callable[[], nn.Module], Any, set[str]]] = {
    "what is made and then filled": (lambda: Calls(made_then_filled, a=linear()), VECTORS, {"a/weight", "a/bias"}),
    "a part of a weight": (lambda: Calls(part_of_a_weight, w=weight(4, 8)), VECTORS, {"w"}),
    "a pooled map that is written to": (lambda: Calls(pooled_and_written, w=weight(3, 2)), IMAGES, {"w"}),
    "where maxima lie": (
        lambda: Calls(
            lambda m, x: F.max_unpool2d(*F.max_pool2d(m.a(x), 2, return_indices=True), 2), a=nn.Conv2d(3, 3, 1)
        ),
        IMAGES,
        {"a/weight", "a/bias"},
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_what_no_graph_can_run_is_seen_with_all_that_it_depends_on(name: str) -> None:
    build, inputs, params = SEEN[name]
    module = build()
    network = Network.from_module(module, inputs)
    assert {p.name for p in network.graph.params()} == params and "constant" not in network.graph.nodes[-1].name
    assert not network.program.checkable
    torch.testing.assert_close(network.program.run(dict(network.own), inputs).output, module(inputs))


def test_a_turned_weight_is_not_taken_for_a_linear_layers() -> None:
    module = Calls(lambda m, x: torch.special.entr(F.linear(x, m.w.t())), w=weight(8, 8))  # nothing checks it
    assert "linear" not in {node.op for node in capture(module, VECTORS).graph.nodes}


# --- what is left alone ---


class Busy(nn.Module):
    """Changes all that a module can change of itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 4)
        self.norm = nn.InstanceNorm1d(4, track_running_stats=True)
        self.register_buffer("average", torch.zeros(4))
        self.calls, self.seen, self.cache = 0, [], {}  # type: ignore[var-annotated]

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(x)
        self.last = y = self.layer(x)
        self.average = self.average * 0.9 + y.mean(0).detach() * 0.1
        return self.norm(y[..., None].expand(-1, -1, 2)).mean(2) + self.cache.setdefault("bias", torch.ones(4))


def test_attributes_buffers_and_random_numbers_are_left_alone() -> None:
    module = Busy()
    noisy = Calls(lambda m, x: m.a(x) + torch.randn(4) * 1e-9 * random.random(), a=linear())
    average, before, names = module.average, state(module), set(vars(module))
    torch.manual_seed(3)
    random.seed(3)
    expected = torch.rand(3), random.random()
    torch.manual_seed(3)
    random.seed(3)
    Network.from_module(noisy, VECTORS)
    network = Network.from_module(module, VECTORS)
    assert torch.equal(torch.rand(3), expected[0]) and random.random() == expected[1]
    network.program.run(dict(network.own), VECTORS)
    network.program.with_stats().run(
        dict(network.own) | network.program.with_stats().new_stats(), VECTORS, training=True
    )
    assert same(before, module) and module.average is average and set(vars(module)) == names
    assert (module.calls, module.seen, module.cache) == (0, [], {})


def test_a_module_under_two_names_keeps_its_weights() -> None:
    layer = nn.Linear(8, 8)
    module = Calls(lambda m, x: m.b(m.a(x)), a=layer, b=layer)
    own = layer.weight
    network = Network.from_module(module, VECTORS)
    torch.testing.assert_close(network.program.run(dict(network.own), VECTORS).output, module(VECTORS))
    assert layer.weight is own and not own.is_meta


def test_inputs_of_a_task_are_not_written_to() -> None:
    module, x = nn.Sequential(nn.ReLU(inplace=True), linear()), VECTORS.clone()
    network = Network.from_module(module, x)
    network.program.run(dict(network.own), x)
    assert torch.equal(x, VECTORS)


def test_threads_may_capture_one_module() -> None:
    module, failed = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(64, 2)), []
    before = state(module)

    def work() -> None:
        try:
            for _ in range(5):
                Network.from_module(module, IMAGES)
        except Exception as error:
            failed.append(error)

    threads = [Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and same(before, module)


def test_networks_are_copied_and_sent() -> None:
    network = Network.from_module(nn.Sequential(linear(), nn.ReLU(), nn.Linear(4, 2)), VECTORS)
    expected = network.program.run(dict(network.own), VECTORS).output
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(other.program.run(dict(other.own), VECTORS).output, expected)


# --- what comes in and out ---


def test_inputs_by_name_may_come_in_any_order() -> None:
    network = Network.from_module(Calls(lambda m, a, b: m.l(a) - b, l=nn.Linear(8, 8)), {"a": VECTORS, "b": VECTORS})
    turned = {"b": VECTORS * 2, "a": VECTORS}
    own, last = dict(network.own), network.graph.nodes[-1].name
    inner = network.program.run(own, turned, [last]).inner[last]
    assert torch.equal(inner, network.program.run(own, turned).output)
    with pytest.raises(GraphError, match="inputs do not fit"):
        network.program.run(own, {"a": VECTORS}, [last])


@dataclass
class Output:
    logits: Tensor
    hidden: Tensor


def test_dataclasses_hold_outputs() -> None:
    module = Calls(lambda m, x: Output(m.a(x), x), a=linear())
    network = Network.from_module(module, VECTORS)
    assert network.graph.nodes[-1].op == "ghn.outputs"
    assert isinstance(network.program.run(dict(network.own), VECTORS).output, Output)


def test_what_asks_for_the_device_is_recorded_too() -> None:
    def call(m: Any, x: Tensor) -> Tensor:
        assert x.device == m.a.weight.device == torch.device("cpu")
        with torch.autocast(x.device.type, enabled=False):
            return m.a(torch.stft(x, 8, window=torch.hann_window(8), return_complex=True).abs().mean(-1))

    network = Network.from_module(Calls(call, a=nn.Linear(5, 3)), torch.randn(2, 32))
    assert network.graph.output_shape == (3,)


# --- what cannot be captured ---


def swallowing(m: Any, x: Tensor) -> Tensor:
    try:
        return m.a(x) * (2 if x.sum() > 0 else 1)
    except Exception:
        return m.a(x)


REFUSED: list[tuple[Callable[[], Any], Any, str]] = [
    (lambda: nn.Sequential(Calls(swallowing, a=linear())), VECTORS, r"module '0' asks for values"),
    (lambda: Calls(lambda m, x: torch.stack([m.a(v) for v in x]), a=linear()), VECTORS, r"item by item[\s\S]*vmap"),
    (lambda: nn.Sequential(nn.LazyLinear(4)), VECTORS, r"module '0' .* is lazy[\s\S]*run it once"),
    (lambda: nn.DataParallel(linear()), VECTORS, r"\.module"),
    (lambda: linear, VECTORS, "not a module"),
    (lambda: nn.Linear, VECTORS, r"not a module[\s\S]*instance"),
    (lambda: linear().double(), VECTORS, "fails on random inputs"),
    (lambda: Calls(lambda m, x: m.a(x) / len(x) ** 0.5, a=linear()), VECTORS, "size of the batch"),
    (lambda: Calls(lambda m, x: m.w.expand(len(x), -1), w=weight(1, 4)), VECTORS, "does not depend on the inputs"),
]


@pytest.mark.parametrize(("build", "inputs", "message"), REFUSED, ids=[message[:20] for *_, message in REFUSED])
def test_what_cannot_be_captured_is_named(build: Callable[[], Any], inputs: Any, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        Network.from_module(build(), inputs)


def test_a_forward_pass_that_fails_later_is_named() -> None:
    def call(m: Any, x: Tensor) -> Tensor:
        if len(x) == 4:
            raise KeyError("four")
        return m.a(x)

    network = Network.from_module(Calls(call, a=linear()), VECTORS)
    with pytest.raises(GraphError, match=r"forward pass of Calls fails[\s\S]*\(4, 8\)[\s\S]*four"):
        network.program.run(dict(network.own), torch.randn(4, 8))
