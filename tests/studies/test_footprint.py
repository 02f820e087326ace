"""Parameters and memory, against what can be counted by hand."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest
import torch
import toy
from torch import Tensor

from ghn.families.sharing.bank import Bank, BankConfig
from ghn.families.sharing.smash import GENERATED
from ghn.graph import GraphBuilder
from ghn.graph.ir import Graph
from ghn.nets.initial import RandomInit
from studies.footprint import count_shared, saved_bytes, step_bytes


def small(copies: int = 1) -> Graph:
    """conv, ReLU, pooling, linear; as many ReLUs on the same convolution as told."""
    b = GraphBuilder((3, 4, 4))
    x = b.add("conv", b.input, name="conv", out=5, kernel=3, padding=1)
    x = b.add("sum", *(b.add("relu", x, name=f"relu{i}") for i in range(copies)), name="sum")
    return b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=2))


@pytest.mark.parametrize("copies", [1, 3])
def test_a_step_keeps_what_its_backward_pass_reads(copies: int) -> None:
    graph, images = small(copies), 6
    weights = {name: w.requires_grad_() for name, w in RandomInit(0, torch.device("cpu"))([graph])[0].items()}
    x, y = torch.randn(images, 3, 4, 4), torch.zeros(images, dtype=torch.long)
    relu, pooled, log_softmax, total_weight = copies * 5 * 16, 5, 2, 1
    expected = 4 * (images * (relu + pooled + log_softmax) + total_weight)
    assert step_bytes(graph, lambda: weights, x, y, weights.values()) == expected
    own = 4 * sum(weights[name].numel() for name in ("conv/weight", "head/weight"))
    assert step_bytes(graph, lambda: weights, x, y) == expected + own


def test_a_storage_is_counted_once() -> None:
    w = torch.ones(10, requires_grad=True)

    def product(of: Callable[[Tensor], Tensor]) -> int:
        return saved_bytes(lambda: (of(w.exp()) * of(w.exp())).sum(), [w])

    e = 4 * 10
    assert saved_bytes(lambda: (w.exp() ** 2).sum(), [w]) == e  # kept by exp and by the square
    assert product(lambda t: t) == 2 * e
    assert saved_bytes(lambda: (w.exp().exp(), w.sum())[1]) == 0  # made on the way, and let go
    assert saved_bytes(lambda: torch.ones(3).sum()) == 0  # nothing needs a gradient


@pytest.mark.parametrize("without", [(), (GENERATED,)])
def test_a_bank_holds_as_many_parameters_as_are_counted(without: tuple[str, ...]) -> None:
    bank = Bank(BankConfig("oneshot", 4), toy.SPACE, without=without)
    assert count_shared(toy.SPACE.supergraph().graph, without) == sum(p.numel() for p in bank.parameters())


def test_nothing_outlives_the_measurement() -> None:
    class Hook:
        def __call__(self, *_: object) -> None:
            pass

    alive: list[weakref.ref[Hook]] = []

    def forward() -> Tensor:
        x = torch.ones(10, requires_grad=True).exp()  # kept by the operation that makes it
        alive.append(weakref.ref(hook := Hook()))
        assert x.grad_fn is not None
        x.grad_fn.register_hook(hook)  # lives as long as the operation does
        return x.sum()

    assert saved_bytes(forward) == 40
    assert alive[0]() is None
