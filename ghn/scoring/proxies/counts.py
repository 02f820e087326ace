"""Size: the proxies that look at no weight and no image, and the bar for all others.

Source: White, Khodak, Tu, Shah, Bubeck & Dey, "A Deeper Look at Zero-Cost Proxies for Lightweight NAS", ICLR Blog Track
2022: parameters and multiply-adds order NAS-Bench-201 about as well as most proxies do.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.graph.ir import Graph
from ghn.graph.stats import count_params, graph_stats


def params(graph: Graph) -> Float[Tensor, ""]:
    """Number of weights; of the live part, where the graph is simplified."""
    return torch.tensor(float(count_params(graph)), dtype=torch.float64)


def flops(graph: Graph) -> Float[Tensor, ""]:
    """Multiply-adds for one image (each is two floating-point operations)."""
    return torch.tensor(float(graph_stats(graph).macs), dtype=torch.float64)
