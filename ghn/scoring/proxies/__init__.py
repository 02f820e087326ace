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
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ghn.errors import ConfigError
from ghn.graph.stats import MACS, count_params, graph_stats
from ghn.scoring.proxies.activations import GROUP, meco, naswot, relu_proxies, swap, zen
from ghn.scoring.proxies.gradients import Loss, fisher, grad_norm, grasp, jacob_cov, snip, synaptic_flow, synflow
from ghn.types import Inputs, Network, Task, WeightDict

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
_GROUPED = f"MeCo of {GROUP} channels"  # both come from one pass, and of one file of scores
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
        compute: takes a network and the first `inputs` of weights, inputs, targets and the loss. Gives its value, or
            the values of several proxies that come from one pass, by name.
        inputs: how many of them.
        source: the paper.
        passes: forward passes of an image of the batch that it takes; a backward pass counts as two.
        images: of how many images; None for all of the batch.
        of_activations: whether it sees no label, takes validation images, and is read in the variant of a space that
            says so (`Readable.proxy_variant`). The others take training images, in the space as it is.
        version: of its definition; part of the identity of scores, so that those of an earlier one do not mix.
        axes: fewest axes of an input: 2 for positions, as in signals and images, 3 for images.
        numbers: whether inputs must be numbers that can be moved a little, not tokens.
    """

    name: str
    compute: Callable[..., Tensor | Mapping[str, Tensor]]
    inputs: int
    source: str
    passes: float
    images: int | None = None
    of_activations: bool = False
    version: str = ""
    axes: int = 0
    numbers: bool = False

    def __call__(
        self, network: Network, weights: WeightDict, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy
    ) -> Mapping[str, Tensor]:
        """Computes it from whatever it needs of these, with what comes from the same pass: proxy -> value."""
        found = self.compute(network, *(weights, images, labels, loss)[: self.inputs])
        return found if isinstance(found, Mapping) else {self.name: found}


_PROXIES = (
    Proxy(
        "meco",
        relu_proxies,
        2,
        "Jiang, Wang & Bie, MeCo, NeurIPS 2023",
        1,
        of_activations=True,
        version=_GROUPED,
        axes=2,
    ),
    Proxy("swap", relu_proxies, 2, "Peng et al., SWAP-NAS, ICLR 2024", 1, of_activations=True, version=_GROUPED),
    Proxy("params", params, 0, _SIZE, 0),
    Proxy("flops", flops, 0, _SIZE, 0, version=MACS),
    Proxy("synflow", synflow, 1, "Tanaka et al., SynFlow, NeurIPS 2020" + _AS_A_SCORE, 3, 1, numbers=True),
    Proxy("naswot", naswot, 2, "Mellor et al., Neural Architecture Search without Training, ICML 2021", 1),
    Proxy("jacob_cov", jacob_cov, 2, "Mellor et al., arXiv 2006.04647v1, 2020" + _AS_A_SCORE, 2, numbers=True),
    Proxy("zen", zen, 2, "Lin et al., Zen-NAS, ICCV 2021", 2, axes=3, numbers=True),
    Proxy("grad_norm", grad_norm, 4, "Abdelfattah et al., Zero-Cost Proxies for Lightweight NAS, ICLR 2021", 3),
    Proxy("snip", snip, 4, "Lee et al., SNIP, ICLR 2019" + _AS_A_SCORE, 3),
    Proxy("grasp", grasp, 4, "Wang et al., GraSP, ICLR 2020" + _AS_A_SCORE, 9),
    Proxy(
        "fisher", fisher, 4, "Theis et al., Fisher pruning, 2018; Turner et al., BlockSwap, ICLR 2020" + _AS_A_SCORE, 3
    ),
)
ZERO_COST: dict[str, Proxy] = {proxy.name: proxy for proxy in _PROXIES}


def judges_input(proxy: Proxy, task: Task) -> bool:
    """Whether a proxy says something of a task's inputs."""
    return _wanted_input(proxy, task) is None


def check_input(proxy: Proxy, task: Task) -> None:
    """Raises ConfigError for a task of whose inputs a proxy says nothing."""
    if (expected := _wanted_input(proxy, task)) is not None:
        raise ConfigError(
            f"the proxy {proxy.name} says nothing of task {task.name}",
            got=f"inputs of shape {task.input_shape}",
            expected=expected,
            fix="choose another, such as grad_norm, snip or params",
        )


def _wanted_input(proxy: Proxy, task: Task) -> str | None:
    """What inputs a proxy needs, where those of a task are others."""
    sample, _ = next(task.train.take(1).batches(1))
    if not isinstance(sample, Tensor):
        return "one input" if proxy.axes or proxy.numbers else None
    if sample.ndim - 1 < proxy.axes:
        return "images (c, h, w)" if proxy.axes == 3 else "inputs with channels and positions, such as (c, h, w)"
    return "numbers, not tokens" if proxy.numbers and not sample.dtype.is_floating_point else None


class ProxyReadout:
    """Reads a proxy off a network with weights, on one batch; with it those that come from the same pass.

    Args:
        name: of the proxy.
        images: normalised images [b, c, h, w], or other inputs [b ...], on the device.
        labels: of the images [b], or other targets.
        loss: of the task.
    """

    def __init__(self, name: str, images: Inputs, labels: Tensor, loss: Loss = F.cross_entropy) -> None:
        self.proxy, self.images, self.labels, self.loss = ZERO_COST[name], images, labels, loss
        self.identity = f"{name}: {self.proxy.version}" if self.proxy.version else name
        self.passes = float(self.proxy.passes * (self.proxy.images or len(labels)))

    def __call__(self, network: Network, weights: WeightDict) -> Mapping[str, Tensor]:
        """Computes the proxy in full precision, whatever that of the runtime: differences matter more than speed."""
        with torch.autocast(self.labels.device.type, enabled=False):
            found = self.proxy(network, weights, self.images, self.labels, self.loss)
        return {"value": found[self.proxy.name], **found}
