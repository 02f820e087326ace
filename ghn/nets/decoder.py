"""From node vectors to parameters of any shape: one head a kind, one call a shape; then cropped, tiled, scaled."""

from __future__ import annotations

from math import ceil, prod

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, einsum, nn

from ghn.errors import GraphError
from ghn.graph.features import Group
from ghn.graph.op import Shape


def crop(size: int, tile: int) -> slice:
    """The part of a tile's axis that is needed for a parameter's axis of this size."""
    return slice(0, min(size, tile))


def centre(size: int, full: int) -> slice:
    """The middle of a kernel axis: a 1x1 kernel is the centre of a 3x3 one."""
    if size > full:
        raise ValueError(f"kernel size {size} is larger than the decoder's {full}")
    start = (full - size) // 2
    return slice(start, start + size)


def tile_to(x: Tensor, shape: Shape) -> Tensor:
    """Repeats the axes of `x` [m, ...] after the first until they reach `shape`, and cuts off what is too much."""
    if tuple(x.shape[1:]) == tuple(shape):
        return x
    repeats = [ceil(want / have) for want, have in zip(shape, x.shape[1:], strict=True)]
    return x.repeat(1, *repeats)[(slice(None), *(slice(0, s) for s in shape))]


def normalise(x: Tensor, kind: str, gain: float) -> Tensor:
    """Brings decoder outputs `x` [m, *shape] of about unit variance to the scale of their kind.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4.2 and appendix: sqrt(gain / fan_in) for weights, 2 sigmoid(p / 2) for
    the weight of a normalisation, tanh(0.2 p) for a bias.
    """
    if kind == "norm_weight":
        return 2 * torch.sigmoid(0.5 * x)
    if kind.endswith("bias"):
        return torch.tanh(0.2 * x)
    return x * (gain / prod(x.shape[2:])) ** 0.5


class MatrixHead(nn.Module):
    """Makes weights [m, out, in, kernel, kernel] (or [m, out, in]); each kernel position has hidden units of its own.

    Only the part of the tile that a shape needs is computed: slicing the last layer equals slicing its output.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4.2 and appendix: tiling, slicing, the layout of the convolution decoder.

    Args:
        embedding: size of the node embeddings.
        hidden: units for each kernel position, and of the layer after.
        tile: greatest numbers of output and input channels made; more are tiled.
        kernel: greatest kernel size; smaller kernels are its centre.
    """

    def __init__(self, embedding: int, hidden: int, tile: tuple[int, int], kernel: int) -> None:
        super().__init__()
        self.tile, self.kernel, self.hidden = tile, kernel, hidden
        self.position = nn.Linear(embedding, kernel * kernel * hidden)
        self.mix = nn.Linear(hidden, hidden)
        self.last = nn.Linear(hidden, tile[0] * tile[1])
        _unit_variance(self.position, self.mix, self.last)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        size = shape[2] if len(shape) == 4 else 1
        if size > self.kernel:
            raise GraphError("a kernel is larger than the decoder makes", got=size, expected=f"at most {self.kernel}")
        cut, out, into = centre(size, self.kernel), crop(shape[0], self.tile[0]), crop(shape[1], self.tile[1])
        weight = rearrange(self.position.weight, "(k l h) d -> k l h d", k=self.kernel, l=self.kernel)[cut, cut]
        bias = rearrange(self.position.bias, "(k l h) -> k l h", k=self.kernel, l=self.kernel)[cut, cut]
        x = (einsum("m d, k l h d -> m k l h", h, weight) + bias).relu()
        x = self.mix(x).relu()
        weight = rearrange(self.last.weight, "(o i) h -> o i h", o=self.tile[0])[out, into]
        bias = rearrange(self.last.bias, "(o i) -> o i 1 1", o=self.tile[0])[out, into]
        x = einsum("m k l h, o i h -> m o i k l", x, weight) + bias
        return tile_to(x if len(shape) == 4 else rearrange(x, "m o i 1 1 -> m o i"), shape)


class VectorHead(nn.Module):
    """Makes weights and biases [m, channels]."""

    def __init__(self, embedding: int, hidden: int, tile: int) -> None:
        super().__init__()
        self.tile = tile
        self.first, self.last = nn.Linear(embedding, hidden), nn.Linear(hidden, tile)
        _unit_variance(self.first, self.last)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        cut = crop(shape[0], self.tile)
        x = nn.functional.linear(self.first(h).relu(), self.last.weight[cut], self.last.bias[cut])
        return tile_to(x, shape)


class Decoder(nn.Module):
    """One head a parameter kind.

    Args:
        embedding: size of the node embeddings.
        hidden: hidden units of the heads.
        channels: greatest number of channels made without tiling.
        classes: number of classes of the task: the tile of the class head.
        kernel: greatest kernel size.
    """

    def __init__(self, embedding: int, hidden: int, channels: int, classes: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(embedding)
        self.heads = nn.ModuleDict(
            {
                "conv_weight": MatrixHead(embedding, hidden, (channels, channels), kernel),
                "linear_weight": MatrixHead(embedding, hidden, (classes, channels), 1),
                "linear_bias": VectorHead(embedding, hidden, classes),
                "norm_weight": VectorHead(embedding, hidden, channels),
                "norm_bias": VectorHead(embedding, hidden, channels),
                "bias": VectorHead(embedding, hidden, channels),
            }
        )

    def forward(self, h: Float[Tensor, "n d"], groups: dict[Group, Tensor]) -> dict[Group, Tensor]:
        """Makes the parameters [m, *shape] of every group, of the rows of encoded nodes `h` that own them."""
        h = self.norm(h)
        out = {}
        for group, rows in groups.items():
            if group.kind not in self.heads:
                raise GraphError(
                    "no decoder head for this kind of parameter", got=group.kind, expected=list(self.heads)
                )
            out[group] = normalise(self.heads[group.kind](h[rows], group.shape), group.kind, group.gain)
        return out


def _unit_variance(*layers: nn.Linear) -> None:
    """Weights that keep a unit variance through ReLUs, so that `normalise` starts from the scale it expects."""
    for i, layer in enumerate(layers):
        gain = 2.0 if i else 1.0
        nn.init.normal_(layer.weight, std=(gain / layer.in_features) ** 0.5)
        nn.init.zeros_(layer.bias)
