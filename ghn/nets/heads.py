"""Heads: from node vectors to parameters of one kind, of any shape. Smaller ones are cropped, larger ones tiled.

What a head makes has about unit variance at the start; `ghn.nets.kinds` brings it to the scale of its kind.
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, prod, sqrt

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, einsum, nn

from ghn.graph.op import Shape

FREQUENCIES = 16  # by which an embedding's rows are told apart


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


def kernel_sides(shape: Shape) -> tuple[int, int]:
    """Height and width of the kernel of a weight (out, in, ...): of a 1-D kernel 1 and its length, of none 1 and 1."""
    height, width = (1, 1, *shape[2:])[-2:]
    return height, width


@lru_cache(maxsize=4096)
def _kernel_part(shape: Shape, full: int) -> tuple[tuple[int, int], slice, slice]:
    """The sides of a shape's kernel, and the part of a full one that it is made from."""
    height, width = kernel_sides(shape)
    return (height, width), centre(min(height, full), full), centre(min(width, full), full)


def with_kernel(x: Float[Tensor, "m o i k l"], shape: Shape) -> Float[Tensor, "m ..."]:
    """Gives 2-D kernels the axes of a shape (o, i, ...): none, one, two, or three, of which the first repeats them.

    Source: Carreira & Zisserman, "Quo Vadis, Action Recognition?", CVPR 2017, sec. 2.4: 3-D kernels from repeated 2-D
    ones.
    """
    if len(shape) == 2:
        return rearrange(x, "m o i 1 1 -> m o i")
    if len(shape) == 3:
        return rearrange(x, "m o i 1 l -> m o i l")
    return x if len(shape) == 4 else x[:, :, :, None].expand(-1, -1, -1, shape[2], -1, -1)


def enlarge(x: Float[Tensor, "m o i k l"], sides: tuple[int, int]) -> Float[Tensor, "m o i k2 l2"]:
    """Resizes kernels by bilinear interpolation, as the code of GHN-3 does, and makes up for the variance it takes."""
    full: tuple[int, int] = (x.shape[-2], x.shape[-1])
    out = F.interpolate(rearrange(x, "m o i k l -> (m o) i k l"), sides, mode="bilinear", align_corners=False)
    return rearrange(out, "(m o) i k l -> m o i k l", m=len(x)) / _share_kept(full, sides) ** 0.5


@lru_cache
def _share_kept(full: tuple[int, int], sides: tuple[int, int]) -> float:
    """The variance left of kernels that have unit variance, after they are enlarged.

    At the start two positions of a `MatrixHead` have correlation .49: two layers of ReLUs over independent vectors.
    Source: Cho & Saul, "Kernel Methods for Deep Learning", NIPS 2009, eq. 6.
    """
    unit = torch.eye(prod(full)).view(-1, 1, *full)
    weights = F.interpolate(unit, sides, mode="bilinear", align_corners=False)
    return 0.49 + 0.51 * weights.square().sum(0).mean().item()


class MatrixHead(nn.Module):
    """Makes weights [m, out, in, ...], with or without a kernel; each kernel position has hidden units of its own.

    Only the part of the tile that a shape needs is computed: slicing the last layer equals slicing its output. Kernels
    larger than its own are interpolated from it, 1-D kernels are its middle row, 3-D ones repeat it.

    Source: Knyazev et al. 2021 (GHN-2), sec. 4.2 and appendix: tiling, slicing, the layout of the convolution decoder.

    Args:
        embedding: size of the node embeddings.
        hidden: units for each kernel position.
        tile: greatest numbers of output and input channels made; more are tiled.
        kernel: kernel size; smaller kernels are its centre.
        mix: units of the layer after; by default `hidden`.
    """

    def __init__(self, embedding: int, hidden: int, tile: tuple[int, int], kernel: int, mix: int | None = None) -> None:
        super().__init__()
        self.tile, self.kernel = tile, kernel
        self.position = nn.Linear(embedding, kernel * kernel * hidden)
        self.mix = nn.Linear(hidden, mix or hidden)
        self.last = nn.Linear(mix or hidden, tile[0] * tile[1])
        unit_variance(self.position, self.mix, self.last)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        full = self.kernel
        sides, rows, columns = _kernel_part(shape, full)
        out, into = crop(shape[0], self.tile[0]), crop(shape[1], self.tile[1])
        weight = rearrange(self.position.weight, "(k l h) d -> k l h d", k=full, l=full)[rows, columns]
        bias = rearrange(self.position.bias, "(k l h) -> k l h", k=full, l=full)[rows, columns]
        x = (einsum("m d, k l h d -> m k l h", h, weight) + bias).relu()
        x = self.mix(x).relu()
        weight = rearrange(self.last.weight, "(o i) h -> o i h", o=self.tile[0])[out, into]
        bias = rearrange(self.last.bias, "(o i) -> o i 1 1", o=self.tile[0])[out, into]
        x = einsum("m k l h, o i h -> m o i k l", x, weight) + bias
        if max(sides) > full:
            x = enlarge(x, sides)
        return tile_to(with_kernel(x, shape), shape)


class LowRankHead(nn.Module):
    """Makes weights [m, out, in, ...] as products A B of a rank, wide ones without repeating anything.

    A convolution is the matrix (out * height, in * width). From a node vector come `rank` codes of `rank` numbers for
    each of A and B; the last layer makes `rows` numbers of a code, and A's rows are `rank` of them each, one after the
    other: a small matrix needs the first code and a part of the layer, and no more is computed. Kernels of any size are
    made, 3-D ones repeat a 2-D one.

    Source: Zhou et al. 2024 (LoGAH), sec. 3.1, eq. 3-4, and figure 5 for the layout. The factor 1 / sqrt(rank), which
    keeps the variance of the product, is not theirs.

    Args:
        embedding: size of the node embeddings.
        hidden: units of the first layer.
        mix: units of the second.
        rank: of the product.
        rows: greatest number of rows of A, or columns of B, before they are tiled (K in the paper).
    """

    def __init__(self, embedding: int, hidden: int, mix: int, rank: int, rows: int) -> None:
        super().__init__()
        self.rank, self.rows = rank, rows
        self.first, self.second = nn.Linear(embedding, hidden), nn.Linear(hidden, mix)
        self.codes, self.last = nn.Linear(mix, 2 * rank * rank), nn.Linear(rank, rows)
        unit_variance(self.first, self.second, self.codes, self.last)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        height, width = kernel_sides(shape)
        x = self.second(self.first(h).relu()).relu()
        a, b = self._factor(x, 0, shape[0] * height), self._factor(x, 1, shape[1] * width)
        product = einsum("m a r, m b r -> m a b", a, b) / sqrt(self.rank)
        return with_kernel(rearrange(product, "m (o k) (i l) -> m o i k l", k=height, l=width), shape).contiguous()

    def _factor(self, x: Float[Tensor, "m mix"], which: int, size: int) -> Float[Tensor, "m size rank"]:
        """The first `size` rows of A (0) or of B transposed (1)."""
        rank, made = self.rank, min(size, self.rows)
        codes = ceil(made * rank / self.rows)
        part = slice(which * rank * rank, which * rank * rank + codes * rank)
        code = F.linear(x, self.codes.weight[part], self.codes.bias[part]).relu()
        cut = crop(made * rank, self.rows)
        flat = F.linear(rearrange(code, "m (c r) -> m c r", r=rank), self.last.weight[cut], self.last.bias[cut])
        rows = rearrange(flat.flatten(1)[:, : made * rank], "m (s r) -> m s r", r=rank)
        return tile_to(rows, (size, rank))


class VectorHead(nn.Module):
    """Makes weights and biases of channels [m, ...]; along all axes but the one of the channels they are repeated."""

    def __init__(self, embedding: int, hidden: int, tile: int) -> None:
        super().__init__()
        self.tile = tile
        self.first, self.last = nn.Linear(embedding, hidden), nn.Linear(hidden, tile)
        unit_variance(self.first, self.last)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        axis = 0 if len(shape) == 1 else channel_axis(shape)
        cut = crop(shape[axis], self.tile)
        x = F.linear(self.first(h).relu(), self.last.weight[cut], self.last.bias[cut])
        x = tile_to(x, (shape[axis],))
        if len(shape) == 1:
            return x
        return x.view(len(h), *(size if k == axis else 1 for k, size in enumerate(shape))).expand(-1, *shape)


def channel_axis(shape: Shape) -> int:
    """The axis of a vector's channels: the only one longer than 1; of more the last of two, the first of three.

    These are PyTorch's layouts: (tokens, channels) and (channels, height, width).
    """
    longer = [k for k, size in enumerate(shape) if size > 1] or [0]
    return longer[-1] if len(longer) < 3 else longer[0]


class EmbeddingHead(nn.Module):
    """Makes tables [m, ..., channels] of any number of rows: the place of a row is an input, so that no two are alike.

    Source: Vaswani et al. 2017, sec. 3.5, for the code of a place; Stanley 2007 ("Compositional pattern producing
    networks") for patterns as functions of a place.

    Args:
        embedding: size of the node embeddings.
        hidden: hidden units.
        tile: greatest number of channels made; more are tiled.
    """

    frequencies: Tensor

    def __init__(self, embedding: int, hidden: int, tile: int) -> None:
        super().__init__()
        self.tile = tile
        self.first, self.place = nn.Linear(embedding, hidden), nn.Linear(2 * FREQUENCIES, hidden, bias=False)
        self.mix, self.last = nn.Linear(hidden, hidden), nn.Linear(hidden, tile)
        unit_variance(self.first, self.mix, self.last)
        with torch.no_grad():
            self.first.weight.mul_(0.5**0.5)  # the node and the place share the unit variance
        nn.init.normal_(self.place.weight, std=(0.5 / FREQUENCIES) ** 0.5)

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        rows, cut = prod(shape[:-1]), crop(shape[-1], self.tile)
        powers = torch.arange(FREQUENCIES, device=h.device) / FREQUENCIES
        angles = torch.arange(rows, device=h.device)[:, None] * 1e-4**powers
        place = self.place(torch.cat([angles.sin(), angles.cos()], 1))
        x = self.mix((self.first(h)[:, None] + place).relu()).relu()
        x = F.linear(x, self.last.weight[cut], self.last.bias[cut])
        return tile_to(x, (rows, shape[-1])).reshape(len(h), *shape)


class Flattened(nn.Module):
    """Makes a tensor of any number of axes as the matrix of its last axis and all before it."""

    def __init__(self, matrix: nn.Module) -> None:
        super().__init__()
        self.matrix = matrix

    def forward(self, h: Float[Tensor, "m d"], shape: tuple[int, ...]) -> Float[Tensor, "m ..."]:
        return self.matrix(h, (prod(shape[:-1]), shape[-1])).reshape(len(h), *shape)


def unit_variance(*layers: nn.Linear) -> None:
    """Weights that keep a unit variance through ReLUs, so that `normalise` starts from the scale it expects."""
    if layers[0].weight.is_meta:  # only shapes are looked at
        return
    for i, layer in enumerate(layers):
        gain = 2.0 if i else 1.0
        nn.init.normal_(layer.weight, std=(gain / layer.in_features) ** 0.5)
        nn.init.zeros_(layer.bias)
