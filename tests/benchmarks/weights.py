"""Weights for a batch of networks."""

from __future__ import annotations

from random import Random

import torch

from ghn.graph import simplify
from ghn.nets import GHN, GHNConfig
from ghn.spaces import NASBench201
from tests.benchmarks.measure import Figure, timed

ENCODERS = {
    "GHN-3, graphormer": {"encoder": "graphormer"},
    "GHN-2, gated, virtual edges": {"encoder": "gated", "position": False},
    "GHN-1, gated": {"encoder": "gated", "virtual_edges": False, "position": False},
}


@torch.no_grad()
def generated_weights(runs: int, batch: int, device: torch.device) -> list[Figure]:
    """One pass for a whole batch, divided by its size; features are computed anew in each run."""
    space = NASBench201((3, 32, 32), 10, width=16, depth=1)
    out = []
    for title, config in ENCODERS.items():
        torch.manual_seed(0)
        net = GHN(GHNConfig(classes=10, hidden=64, channels=64, **config)).to(device).eval()
        times = []
        for run in range(runs + 1):
            rng = Random(run)
            graphs = [simplify(space.network(space.sample(rng)).graph) for _ in range(batch)]
            times.append(1e3 * timed(lambda net=net, graphs=graphs: net(graphs), device)[0] / batch)
        note = f"a batch of {batch}, features included"
        target = 20.0 if device.type == "cpu" else None
        out.append(Figure.of(f"weights, hidden 64, C=16, N=1: {title}", "ms", times[1:], target=target, note=note))
    return out
