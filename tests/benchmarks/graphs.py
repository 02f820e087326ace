"""From an architecture, or a module, to what a hypernetwork sees of it."""

from __future__ import annotations

from functools import partial
from random import Random
from statistics import median

import torch
import torchvision

from ghn.graph import capture, simplify
from ghn.graph.features import Featurizer
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.space import Cell
from tests.benchmarks.measure import Figure, timed


def lowering_and_features(depth: int, runs: int, networks: int) -> list[Figure]:
    """Lowering, the live part, and features of networks never seen before, one at a time."""
    space, rng = NASBench201((3, 32, 32), 10, width=16, depth=depth), Random(0)
    archs = [space.sample(rng) for _ in range(networks)]
    space.network(archs[0])  # imports and tables
    steps: dict[str, list[float]] = {"lowering": [], "live part": [], "features": []}
    total = []
    for _ in range(runs):
        rows = [_one(space, arch, Featurizer()) for arch in archs]
        for times, column in zip(steps.values(), zip(*rows, strict=True), strict=True):
            times.append(1e3 * median(column))
        total.append(1e3 * median(map(sum, rows)))
    title = f"NAS-Bench-201 network, C=16, N={depth}"
    note = f"median of {networks} networks, none in the cache"
    return [
        Figure.of(f"{title}: lowering + live part + features", "ms", total, target=5.0, note=note),
        *(Figure.of(f"{title}: {name}", "ms", times, note=note) for name, times in steps.items()),
    ]


def captured_modules(runs: int, names: list[str]) -> list[Figure]:
    """Recording a module, beside what `torch.export` takes to give a graph without operations in place."""
    images, figures = torch.randn(2, 3, 224, 224), []
    for name in names:
        module = torchvision.models.get_model(name, weights=None).eval()
        recorded, exported = partial(capture, module, images), partial(_exported, module, images)
        pairs = [(1e3 * timed(recorded)[0], 1e3 * timed(exported)[0]) for _ in range(runs)]
        figures += [
            Figure.of(f"{name}: captured", "ms", [ours for ours, _ in pairs], note="no check"),
            Figure.of(f"{name}: torch.export, over that", "times", [theirs / ours for ours, theirs in pairs]),
        ]
    return figures


def _exported(module: torch.nn.Module, images: torch.Tensor) -> object:
    return torch.export.export(module, (images,)).run_decompositions({})


def _one(space: NASBench201, arch: Cell, featurizer: Featurizer) -> tuple[float, float, float]:
    """Seconds of each step."""
    lowering, graph = timed(lambda: space.network(arch).graph)
    simplifying, live = timed(lambda: simplify(graph))
    features, _ = timed(lambda: featurizer(live))
    return lowering, simplifying, features
