"""The proxies by name, and how the scoring engine reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ghn.graph.ir import Graph
from ghn.scoring.proxies.counts import flops, params
from ghn.scoring.proxies.forward import jacob_cov, naswot
from ghn.scoring.proxies.gradients import fisher, grad_norm, grasp, snip, synflow
from ghn.scoring.proxies.zen import zen
from ghn.types import WeightDict

_AS_A_SCORE = "; as a score: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021"


@dataclass(frozen=True, slots=True)
class Proxy:
    """A zero-cost proxy; higher is better.

    Attributes:
        compute: takes a graph and the first `inputs` of weights, images and labels.
        inputs: how many of them.
        source: the paper.
        passes: forward passes of an image of the batch that it takes; a backward pass counts as two.
        images: of how many images; None for all of the batch.
    """

    compute: Callable[..., Tensor]
    inputs: int
    source: str
    passes: float
    images: int | None = None

    def __call__(
        self, graph: Graph, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        """Computes it from whatever it needs of these."""
        return self.compute(graph, *(weights, images, labels)[: self.inputs])


ZERO_COST: dict[str, Proxy] = {
    "params": Proxy(
        params, 0, "White et al., A Deeper Look at Zero-Cost Proxies for Lightweight NAS, ICLR Blog 2022", 0
    ),
    "flops": Proxy(flops, 0, "White et al., A Deeper Look at Zero-Cost Proxies for Lightweight NAS, ICLR Blog 2022", 0),
    "synflow": Proxy(synflow, 1, "Tanaka et al., SynFlow, NeurIPS 2020" + _AS_A_SCORE, 3, 1),
    "naswot": Proxy(naswot, 2, "Mellor et al., Neural Architecture Search without Training, ICML 2021", 1),
    "jacob_cov": Proxy(jacob_cov, 2, "Mellor et al., arXiv 2006.04647v1, 2020" + _AS_A_SCORE, 2),
    "zen": Proxy(zen, 2, "Lin et al., Zen-NAS, ICCV 2021", 2),
    "grad_norm": Proxy(grad_norm, 3, "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021", 3),
    "snip": Proxy(snip, 3, "Lee et al., SNIP, ICLR 2019" + _AS_A_SCORE, 3),
    "grasp": Proxy(grasp, 3, "Wang et al., GraSP, ICLR 2020" + _AS_A_SCORE, 9),
    "fisher": Proxy(
        fisher, 3, "Theis et al., Fisher pruning, 2018; Turner et al., BlockSwap, ICLR 2020" + _AS_A_SCORE, 3
    ),
}


class ZeroCostReadout:
    """Reads a proxy off a weighted graph, on one batch.

    Args:
        name: of the proxy.
        images: normalised training images [b, c, h, w], on the device.
        labels: of the images [b].
    """

    def __init__(self, name: str, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]) -> None:
        self.name, self.images, self.labels = name, images, labels
        proxy = ZERO_COST[name]
        self.passes = float(proxy.passes * (len(images) if proxy.images is None else proxy.images))

    def __call__(self, graph: Graph, weights: WeightDict) -> Mapping[str, Tensor]:
        """Computes the proxy in full precision, whatever that of the runtime: differences matter more than speed."""
        with torch.autocast(self.images.device.type, enabled=False):
            value = ZERO_COST[self.name](graph, weights, self.images, self.labels)
        return {"value": value, self.name: value}
