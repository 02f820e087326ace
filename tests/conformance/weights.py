"""What every `Weights` must do."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ghn.graph import Graph, Interpreter
from ghn.types import WeightDict, Weights

Graphs = Sequence[Graph]  # of different networks, at least three


def _close(a: WeightDict, b: WeightDict) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-4, rtol=1e-4)


@torch.no_grad()
def names_and_shapes_are_those_of_the_graphs(weights: Weights, graphs: Graphs) -> None:
    assert isinstance(weights, Weights)
    made = weights(graphs)
    assert len(made) == len(graphs)
    for graph, own in zip(graphs, made, strict=True):
        assert {k: tuple(v.shape) for k, v in own.items()} == {p.name: p.shape for p in graph.params()}
        assert all(v.isfinite().all() and v.is_floating_point() for v in own.values())


@torch.no_grad()
def no_graphs_no_weights(weights: Weights, graphs: Graphs) -> None:
    assert weights([]) == []


@torch.no_grad()
def the_same_again(weights: Weights, graphs: Graphs) -> None:
    for a, b in zip(weights(graphs), weights(graphs), strict=True):
        assert all(torch.equal(a[name], b[name]) for name in a)


@torch.no_grad()
def company_and_order_do_not_matter(weights: Weights, graphs: Graphs) -> None:
    together, backwards = weights(graphs), weights(graphs[::-1])[::-1]
    for graph, a, b in zip(graphs, together, backwards, strict=True):
        _close(a, b)
        _close(a, weights([graph])[0])


@torch.no_grad()
def a_graph_twice_in_a_batch(weights: Weights, graphs: Graphs) -> None:
    first, _, second = weights([graphs[0], graphs[1], graphs[0]])
    _close(first, second)


@torch.no_grad()
def networks_run_with_them(weights: Weights, graphs: Graphs) -> None:
    for graph, own in zip(graphs, weights(graphs), strict=True):
        device = next(iter(own.values())).device
        logits = Interpreter(graph).run(own, torch.randn(4, *graph.input_shape, device=device)).output
        assert logits.isfinite().all()


WEIGHTS_CHECKS = (
    names_and_shapes_are_those_of_the_graphs,
    no_graphs_no_weights,
    the_same_again,
    company_and_order_do_not_matter,
    a_graph_twice_in_a_batch,
    networks_run_with_them,
)


def check_weights(weights: Weights, graphs: Graphs) -> None:
    """Runs the whole suite."""
    for check in WEIGHTS_CHECKS:
        check(weights, graphs)
