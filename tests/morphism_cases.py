"""Networks to morph: random but with the statistics of real images, so that every layer matters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from random import Random
from typing import Any

import torch
from random_graphs import random_weights
from torch import Tensor

from ghn.families.morphism.exact import Deeper, Skip, Wider, WiderKernel
from ghn.families.morphism.network import Morphism, WeightedNetwork
from ghn.graph import Graph, Interpreter, simplify
from ghn.nets import RandomInit
from ghn.spaces import DARTS, NASBench201
from ghn.tasks import make_task
from ghn.types import Space

SPACES: dict[str, Space[Any]] = {
    "nasbench201": NASBench201((3, 16, 16), classes=10, width=4, depth=1),
    "darts": DARTS((3, 16, 16), classes=10, width=2, depth=3),
}
MORPHISMS: dict[str, Morphism] = {
    "wider": Wider(),
    "wider kernel": WiderKernel(),
    "deeper": Deeper(),
    "deeper, in front": Deeper(kernel=1, behind=False),
    "skip": Skip(),
}


@cache
def real_images(n: int = 64) -> Tensor:
    return make_task("cifar10_embedded").val.batch(slice(0, n))[0]


def trained_like(graph: Graph, images: Tensor, seed: int = 0) -> WeightedNetwork:
    """Random weights, scales and shifts, with the running statistics that images give."""
    generator = torch.Generator().manual_seed(seed)
    weights = RandomInit(seed)([graph])[0]
    for name in (p.name for p in graph.params() if p.kind in ("norm_weight", "norm_bias", "bias", "linear_bias")):
        weights[name] = weights[name] + 0.3 * torch.randn(weights[name].shape, generator=generator)
    module = Interpreter(graph, running_stats=True)
    stats = module.new_stats()
    with torch.no_grad():
        module.run({**weights, **stats}, images, training=True)
    first = {"running_mean": 0.0, "running_var": 1.0}  # of which a momentum of 0.1 leaves nine tenths
    own = {name: (value - 0.9 * first[name.rpartition("/")[2]]) / 0.1 for name, value in stats.items()}
    return WeightedNetwork(graph, weights, own)


def drawn_network(space: Space[Any], seed: int) -> WeightedNetwork:
    return trained_like(simplify(space.network(space.sample(Random(seed))).graph), real_images(), seed)


def double(graph: Graph, seed: int = 0) -> WeightedNetwork:
    """A network in float64 with random statistics."""
    stats = Interpreter(graph, running_stats=True).new_stats()
    generator = torch.Generator().manual_seed(seed)
    moved = {n: v.double() + torch.rand(v.shape, generator=generator, dtype=torch.float64) for n, v in stats.items()}
    return WeightedNetwork(graph, random_weights(graph), moved)


def error(a: WeightedNetwork, b: WeightedNetwork, images: Tensor) -> float:
    return float((a(images) - b(images)).abs().max())


def snapshot(network: WeightedNetwork) -> tuple[Graph, dict[str, Tensor]]:
    return network.graph, {k: v.clone() for k, v in {**network.weights, **network.stats}.items()}


def unchanged(network: WeightedNetwork, before: tuple[Graph, dict[str, Tensor]]) -> bool:
    graph, tensors = before
    now = {**network.weights, **network.stats}
    return network.graph == graph and all(torch.equal(now[k], v) for k, v in tensors.items())


def sizes(networks: Sequence[WeightedNetwork]) -> list[int]:
    return [sum(w.numel() for w in network.weights.values()) for network in networks]
