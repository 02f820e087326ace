"""Small hypernetworks and graphs of different sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from ghn.graph import Graph, simplify
from ghn.nets import GHN, GHNConfig
from ghn.spaces import NASBench201

SMALL = {"classes": 4, "hidden": 16, "heads": 2, "layers": 2, "decoder_hidden": 16, "channels": 8}
CONFIGS: dict[str, dict[str, Any]] = {
    "ghn1": {"encoder": "gated", "virtual_edges": False, "position": False},
    "ghn2": {"encoder": "gated", "rounds": 2, "position": False},
    "ghn3": {"encoder": "graphormer"},
}


@pytest.fixture(scope="session")
def make_ghn() -> Callable[..., GHN]:
    def make(seed: int = 0, **config: Any) -> GHN:
        torch.manual_seed(seed)
        return GHN(GHNConfig(**{**SMALL, **config})).eval()

    return make


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS)
def config(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


@pytest.fixture(scope="session")
def graphs() -> list[Graph]:
    """From a handful of nodes to many more, of different skeletons."""
    small, large = NASBench201((3, 8, 8), 4, 4, 1), NASBench201((3, 16, 16), 4, 8, 2)
    cell = ("skip_connect", "none", "nor_conv_1x1", "avg_pool_3x3", "nor_conv_3x3", "none")
    return [
        simplify(small.network(("none",) * 6).graph),
        simplify(small.network(cell).graph),
        large.network(("nor_conv_3x3",) * 6).graph,
        large.network(cell).graph,
    ]
