"""Proxies that need forward passes only: they see how a network mixes and keeps apart what it is shown.

NASWOT asks which images it can tell apart by the units that fire; MeCo how little its channels repeat one another; SWAP
in how many ways its units fire; Zen-score how far its features move when the input moves a little.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.channels import channels_last
from ghn.graph.interpreter import feature_node
from ghn.graph.ir import Graph
from ghn.graph.recorder import tensors_of
from ghn.types import Inputs, Network, WeightDict

PATTERN_BITS = 32  # activations of more images than this do not fit the whole numbers that float64 holds exactly
LISTED_BITS = 16  # patterns of so many images are counted without sorting
GROUP = 4  # channels that MeCo compares at once: no more than a narrow layer has
ALPHA = 0.01  # size of the perturbation of the Zen-score


def outputs(network: Network, weights: WeightDict, images: Inputs) -> list[Tensor]:
    """The output of every node, in their order; normalisations use the statistics of the batch. Waits for the device.

    Args:
        network: what is run.
        weights: of it.
        images: normalised.

    Raises:
        GraphError: activations overflow, or the images do not fit.
    """
    nodes = network.graph.nodes
    inner = network.program.run(weights, images, [node.name for node in nodes]).inner
    every = [inner[node.name] for node in nodes]
    held = [i for i, x in enumerate(every) if isinstance(x, Tensor)]  # of several tensors each is a node of its own
    finite = torch.stack([every[i].detach().sum() for i in held]).isfinite().tolist()  # of each x: half the pass
    if not all(finite):
        node = nodes[held[finite.index(False)]]
        raise GraphError(f"activations overflow at node {node.name!r} ({node.op})", fix="use smaller weights")
    return every


def activated(graph: Graph, every: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of the non-linearities, out of those of all nodes."""
    return [x for node, x in zip(graph.nodes, every, strict=True) if node.operation.activates]


@torch.no_grad()
def naswot(network: Network, weights: WeightDict, images: Inputs) -> Float[Tensor, ""]:
    """Logarithm of the determinant of the kernel of images, which counts the units that fire for both or for neither.

    Minus infinity where two images have one code.

    Source: Mellor, Turner, Storkey & Crowley, "Neural Architecture Search without Training", ICML 2021.
    """
    relus = activated(network.graph, outputs(network, weights, images))
    if not relus:
        raise GraphError("the network has no ReLU, so that no unit of it fires or rests")
    return torch.linalg.slogdet(torch.stack([_agreement(x) for x in relus]).sum(0))[1]


def _agreement(x: Float[Tensor, "b ..."]) -> Float[Tensor, "b b"]:
    """For each two images the number of units that fire for both or for neither."""
    fires = (x > 0).flatten(1).to(x.dtype)
    count = fires.sum(1)
    return (fires.shape[1] - count[:, None] - count + 2 * (fires @ fires.T)).double()


# --- MeCo and SWAP: both from the ReLU outputs of one pass ---


def meco(maps: Sequence[Float[Tensor, "b c ..."]]) -> Float[Tensor, ""]:
    """Sum over ReLU outputs of the least eigenvalue of the correlation between channels, mean over the images.

    Each image has correlation matrices of its own: channels of a group that say the same about it give a least
    eigenvalue of zero. Channels are compared four at a time, and the groups' mean counts: the least eigenvalue of many
    is small, whatever they say, so that of all together it would be worse to be wide. Fewer than four are one group,
    and among such widths it is still worse to be wider; a layer with no more positions than channels in a group has 0.

    Source: Jiang, Wang & Bie, "MeCo: Zero-Shot NAS with One Data and Single Forward Pass via Minimum Eigenvalue of
    Correlation", NeurIPS 2023, eq. 5; there one image, all channels and all layers, here a few images, groups of
    channels (docs/ranking.md) and the outputs of ReLUs, which ranked better on the development sample.
    """
    each = [_least_eigenvalues(x).mean() for x in maps if x.ndim > 2]
    return torch.stack(each).sum() if each else torch.zeros((), dtype=torch.float64)  # vectors have no positions


def _least_eigenvalues(x: Float[Tensor, "b c ..."]) -> Float[Tensor, " b"]:
    flat = x.flatten(2)
    size = min(GROUP, flat.shape[1])
    groups = flat.shape[1] // size  # each of channels that lie `groups` apart; what is left over is not seen
    if flat.shape[2] <= size:  # less their mean, n positions span at most n - 1 of the channels: it is zero
        return flat.new_zeros(len(flat), dtype=torch.float64)
    each = flat[:, : groups * size].unflatten(1, (size, groups)).transpose(1, 2)
    each = each - each.mean(-1, keepdim=True)
    each = each / (each.norm(dim=-1, keepdim=True) + 1e-9)  # a channel that is constant correlates with nothing
    return torch.linalg.eigvalsh((each @ each.mT).double())[..., 0].clamp_min(0).mean(1)


def swap(maps: Sequence[Float[Tensor, "b ..."]]) -> Float[Tensor, ""]:
    """Number of different patterns in which units fire over the images, summed over ReLUs.

    Source: Peng, Song, Fayek, Ciesielski & Chang, "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS",
    ICLR 2024, definition 3.2; there the patterns of the whole network make one set, here each ReLU has its own.
    """
    return torch.stack([_patterns(x > 0) for x in maps]).sum()


def _patterns(fires: Bool[Tensor, "b ..."]) -> Float[Tensor, ""]:
    bits = fires[:PATTERN_BITS].flatten(1).T.double()
    powers = 2.0 ** torch.arange(bits.shape[1], device=bits.device, dtype=torch.float64)
    codes = bits @ powers
    if bits.shape[1] <= LISTED_BITS:  # each possible pattern has a place of its own
        seen = torch.zeros(1 << bits.shape[1], dtype=torch.bool, device=bits.device)
        seen[codes.long()] = True
        return seen.sum().float()
    return torch.tensor(float(torch.unique(codes).numel()), device=fires.device)


@torch.no_grad()
def relu_proxies(network: Network, weights: WeightDict, images: Inputs) -> dict[str, Tensor]:
    """MeCo and SWAP by name; zero without a ReLU, not finite where what a ReLU gives or the output is not. Waits for no
    device.
    """
    graph = network.graph
    asked = [i for i, node in enumerate(graph.nodes) if node.operation.activates]
    ran = network.program.run(weights, images, [graph.nodes[i].name for i in asked])
    maps = [ran.inner[graph.nodes[i].name].float() for i in asked]
    maps = [x.movedim(-1, 1) if channels_last(graph, i) else x for i, x in zip(asked, maps, strict=True)]
    last = [x for x in tensors_of(ran.output) if x.is_floating_point()]
    finite = torch.stack([x.float().sum() for x in [*maps, *last]]).isfinite().all()
    if finite.is_cuda or not finite:  # eigenvalues of what is not finite raise errors that say little
        maps = [x.nan_to_num(0, 0, 0) for x in maps]
    zero = finite.new_zeros((), dtype=torch.float32)
    found = {"meco": meco, "swap": swap}
    return {name: (proxy(maps) if maps else zero).float() + zero / finite for name, proxy in found.items()}


# --- Zen-score ---


@torch.no_grad()
def zen(network: Network, weights: WeightDict, images: Float[Tensor, "b c h w"]) -> Float[Tensor, ""]:
    """Logarithm of the mean |f(x) - f(x + 0.01 e)| plus those of what the normalisations divide by.

    f gives the last feature map; x and e are N(0, 1) of the images' shape, from a seed: no more of `images` is used.
    The second term, with the root of the mean variance over channels, gives back what normalisations take away. Meant
    for weights from `GaussianInit`. The paper removes residual links first; here, where any graph is scored, they stay.

    Source: Lin et al., "Zen-NAS: A Zero-Shot NAS for High-Performance Image Recognition", ICCV 2021.
    """
    graph = network.graph
    last = feature_node(graph)
    if not last:
        raise GraphError("the network has no feature maps, so that nothing moves with its input")
    fed_to = [node.inputs[0] for node in graph.nodes if node.operation.normalises]
    if other := [graph.nodes[i].shape for i in fed_to if len(graph.nodes[i].shape) != 3]:
        what = (
            "the network normalises what are no maps of channels, such as tokens, of which the Zen-score says nothing"
        )
        raise GraphError(what, got=other[0], expected="(channels, height, width)", fix="use jacob_cov, or naswot")
    generator = torch.Generator().manual_seed(0)
    x, noise = (torch.randn(images.shape, generator=generator).to(images) for _ in range(2))
    every, moved = outputs(network, weights, x), outputs(network, weights, x + ALPHA * noise)
    change = (every[last] - moved[last]).abs().sum((1, 2, 3)).mean()
    scales = [every[i].var((0, 2, 3), correction=0).mean().sqrt() for i in fed_to]
    logs = [change.log(), *(scale.log() for scale in scales if scale > 0)]  # a normalisation of zeros scales nothing
    return torch.stack(logs).sum()
