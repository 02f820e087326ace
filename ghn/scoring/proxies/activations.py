"""Zero-cost proxies that need a forward pass only: read off a weighted graph like any other read-out.

They are meant for random weights (`ghn.nets.initial.RandomInit`), in which nothing has been learnt: what they see is
how the architecture mixes and keeps apart what it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor

from ghn.graph.interpreter import every_output
from ghn.graph.ir import Graph
from ghn.types import WeightDict

PATTERN_BITS = 32  # activations of more images than this do not fit the whole numbers that float64 holds exactly


def meco(maps: Sequence[Float[Tensor, "b c h w"]]) -> Float[Tensor, ""]:
    """Sum over ReLU outputs of the least eigenvalue of the correlation between channels, mean over the images.

    Each image has a correlation matrix of its own: channels that say the same about it give a least eigenvalue of zero.

    Source: Jiang, Wang & Bie, "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of
    Correlation", NeurIPS 2023, eq. 5; there one image and all layers, here a few images and the outputs of ReLUs, which
    ranked better on the development sample (docs/ranking.md).
    """
    return torch.stack([_least_eigenvalues(x).mean() for x in maps]).sum()


def _least_eigenvalues(x: Float[Tensor, "b c h w"]) -> Float[Tensor, " b"]:
    flat = rearrange(x, "b c h w -> b c (h w)").double()
    flat = flat - flat.mean(-1, keepdim=True)
    flat = flat / (flat.norm(dim=-1, keepdim=True) + 1e-9)  # a channel that is constant correlates with nothing
    return torch.linalg.eigvalsh(flat @ flat.mT)[:, 0].clamp_min(0)


def swap(maps: Sequence[Float[Tensor, "b c h w"]]) -> Float[Tensor, ""]:
    """Number of different patterns in which units fire over the images, summed over ReLUs.

    Source: Peng, Song, Fayek, Ciesielski & Chang, "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS",
    ICLR 2024, definition 3.2; there the patterns of the whole network make one set, here each ReLU has its own.
    """
    return torch.stack([_patterns(x > 0) for x in maps]).sum()


def _patterns(fires: Bool[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    bits = rearrange(fires[:PATTERN_BITS], "b c h w -> (c h w) b").double()
    powers = 2.0 ** torch.arange(bits.shape[1], device=bits.device, dtype=torch.float64)
    return torch.tensor(float(torch.unique(bits @ powers).numel()), device=fires.device)


PROXIES: dict[str, Callable[[Sequence[Tensor]], Tensor]] = {"meco": meco, "swap": swap}


class ProxyReadout:
    """Reads proxies off the outputs of a network's ReLUs; all of them come from one forward pass.

    Args:
        images: normalised images [b, c, h, w], on the device.
        value: the proxy that is the score; the others are kept beside it.
    """

    def __init__(self, images: Float[Tensor, "b c h w"], value: str) -> None:
        self.images, self.value, self.passes = images, value, float(len(images))

    def __call__(self, graph: Graph, weights: WeightDict) -> Mapping[str, Tensor]:
        """Runs the whole network once."""
        values = every_output(graph, weights, self.images)
        maps = [x.float() for node, x in zip(graph.nodes, values, strict=True) if node.operation.activates]
        finite = torch.stack([x.isfinite().all() for x in values]).all()
        maps = [x.nan_to_num() for x in maps]  # eigenvalues of what is not finite raise errors that say little
        zero = self.images.new_zeros(())
        readings = {n: (proxy(maps) if maps else zero).float() + (zero / finite) for n, proxy in PROXIES.items()}
        return {"value": readings[self.value], **readings}
