"""Zero-cost proxies: numbers that one batch, or none, says of a network that was never trained. Higher is better.

Each is a function of a network, its weights and, where it needs them, images and labels: such as
`naswot(network, weights, images)`. `ghn.scoring.zero_cost.make_zero_cost` makes an estimator of any of them. They raise
GraphError for a network of which they say nothing (no weights, no ReLU, no response), or whose activations overflow.
`params` and `flops`, which look at no weight and no image, stand here: they are the bar for all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from ghn.graph.stats import MACS, count_params, graph_stats
from ghn.scoring.proxies.activations import meco, naswot, relu_proxies, swap, zen
from ghn.scoring.proxies.gradients import fisher, grad_norm, grasp, jacob_cov, snip, synaptic_flow, synflow
from ghn.types import Network, WeightDict

__all__ = [
    "ZERO_COST",
    "Proxy",
    "ProxyReadout",
    "fisher",
    "flops",
    "grad_norm",
    "grasp",
    "jacob_cov",
    "meco",
    "naswot",
    "params",
    "snip",
    "swap",
    "synaptic_flow",
    "synflow",
    "zen",
]

_SIZE = "White et al., A Deeper Look at Zero-Cost Proxies for Lightweight NAS, ICLR Blog 2022"
_AS_A_SCORE = "; as a score: Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021"


def params(network: Network) -> Float[Tensor, ""]:
    """Number of weights; of the live part, where the network is that."""
    return torch.tensor(float(count_params(network.graph)), dtype=torch.float64)


def flops(network: Network) -> Float[Tensor, ""]:
    """Multiply-adds for one image (each is two floating-point operations)."""
    return torch.tensor(float(graph_stats(network.graph).macs), dtype=torch.float64)


@dataclass(frozen=True, slots=True)
class Proxy:
    """A zero-cost proxy; higher is better.

    Attributes:
        name: of it.
        compute: takes a network and the first `inputs` of weights, images and labels. Gives its value, or the values of
            several proxies that come from one pass, by name.
        inputs: how many of them.
        source: the paper.
        passes: forward passes of an image of the batch that it takes; a backward pass counts as two.
        images: of how many images; None for all of the batch.
        of_activations: whether it sees no label, takes validation images, and is read in the variant of a space that
            says so (`Readable.proxy_variant`). The others take training images, in the space as it is.
        version: of its definition; part of the identity of scores, so that those of an earlier one do not mix.
    """

    name: str
    compute: Callable[..., Tensor | Mapping[str, Tensor]]
    inputs: int
    source: str
    passes: float
    images: int | None = None
    of_activations: bool = False
    version: str = ""

    def __call__(
        self, network: Network, weights: WeightDict, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]
    ) -> Mapping[str, Tensor]:
        """Computes it from whatever it needs of these, with what comes from the same pass: proxy -> value."""
        found = self.compute(network, *(weights, images, labels)[: self.inputs])
        return found if isinstance(found, Mapping) else {self.name: found}


_PROXIES = (
    Proxy("meco", relu_proxies, 2, "Jiang, Wang & Bie, MeCo, NeurIPS 2023", 1, of_activations=True),
    Proxy("swap", relu_proxies, 2, "Peng et al., SWAP-NAS, ICLR 2024", 1, of_activations=True),
    Proxy("params", params, 0, _SIZE, 0),
    Proxy("flops", flops, 0, _SIZE, 0, version=MACS),
    Proxy("synflow", synflow, 1, "Tanaka et al., SynFlow, NeurIPS 2020" + _AS_A_SCORE, 3, 1),
    Proxy("naswot", naswot, 2, "Mellor et al., Neural Architecture Search without Training, ICML 2021", 1),
    Proxy("jacob_cov", jacob_cov, 2, "Mellor et al., arXiv 2006.04647v1, 2020" + _AS_A_SCORE, 2),
    Proxy("zen", zen, 2, "Lin et al., Zen-NAS, ICCV 2021", 2),
    Proxy("grad_norm", grad_norm, 3, "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021", 3),
    Proxy("snip", snip, 3, "Lee et al., SNIP, ICLR 2019" + _AS_A_SCORE, 3),
    Proxy("grasp", grasp, 3, "Wang et al., GraSP, ICLR 2020" + _AS_A_SCORE, 9),
    Proxy(
        "fisher", fisher, 3, "Theis et al., Fisher pruning, 2018; Turner et al., BlockSwap, ICLR 2020" + _AS_A_SCORE, 3
    ),
)
ZERO_COST: dict[str, Proxy] = {proxy.name: proxy for proxy in _PROXIES}


class ProxyReadout:
    """Reads a proxy off a network with weights, on one batch; with it those that come from the same pass.

    Args:
        name: of the proxy.
        images: normalised images [b, c, h, w], on the device.
        labels: of the images [b].
    """

    def __init__(self, name: str, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"]) -> None:
        self.proxy, self.images, self.labels = ZERO_COST[name], images, labels
        self.identity = f"{name}: {self.proxy.version}" if self.proxy.version else name
        self.passes = float(self.proxy.passes * (self.proxy.images or len(images)))

    def __call__(self, network: Network, weights: WeightDict) -> Mapping[str, Tensor]:
        """Computes the proxy in full precision, whatever that of the runtime: differences matter more than speed."""
        with torch.autocast(self.images.device.type, enabled=False):
            found = self.proxy(network, weights, self.images, self.labels)
        return {"value": found[self.proxy.name], **found}
