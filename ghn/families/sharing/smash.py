"""SMASH: a convolutional hypernetwork reads the memory-bank encoding of a network and emits its convolutions.

Source: Brock, Lim, Ritchie & Weston, "SMASH: One-Shot Model Architecture Search through HyperNetworks", ICLR 2018.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from ghn.errors import ConfigError, check_counts, check_known
from ghn.families.sharing.bank import SOURCES, Bank, BankConfig, check_few
from ghn.families.sharing.memory_code import FEATURES, KERNELS, Encoding, encode
from ghn.graph.ir import Graph
from ghn.nets.heads import centre
from ghn.nets.kinds import normalise
from ghn.nets.net import Net
from ghn.types import Space, WeightDict

GENERATED = "conv_weight"  # the kind of parameter that is emitted; all others are learnt


@dataclass(frozen=True, slots=True)
class SmashSizes:
    """Sizes of a SMASH hypernetwork."""

    unit: int = 8  # channels a memory unit (N in the paper): a cell of the encoding stands for unit x unit filters
    hidden: int = 64  # channels of the hypernetwork
    blocks: int = 4  # residual blocks of it
    kernel: int = 3  # the largest convolution that it emits; smaller ones are the middle of it

    def __post_init__(self) -> None:
        check_counts("a SMASH hypernetwork: ", unit=self.unit, hidden=self.hidden, blocks=self.blocks)
        check_known("kernel of a SMASH hypernetwork", self.kernel, KERNELS)


@dataclass(frozen=True, kw_only=True)
class SmashConfig(SmashSizes):
    """A SMASH hypernetwork; kept in its checkpoint, together with the space. The rest is as in `BankConfig`."""

    classes: int
    skeletons: Sequence[Mapping[str, Any]] = ()
    method: str = "smash"
    roles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "skeletons", [dict(s) for s in self.skeletons])  # equal to what JSON gives back
        check_few(self.skeletons)
        if self.method != "smash":
            raise ConfigError("a SMASH hypernetwork has the method smash", got=self.method)

    def describe(self) -> dict[str, Any]:
        return asdict(self)


class Smash(Net):
    """Gives each architecture weights: convolutions from its encoding, all else out of a bank."""

    config: SmashConfig
    kind = "smash"
    method = "smash"
    repeated = ("blocks",)
    source = SOURCES["smash"]

    def __init__(self, config: SmashConfig, space: Space[Any], seed: int = 0) -> None:
        super().__init__()
        self.config = config
        bank = BankConfig("smash", config.classes, config.skeletons, config.roles)
        self.learnt = Bank(bank, space, seed, without=(GENERATED,))
        d = config.hidden
        self.read = nn.Conv2d(FEATURES, d, 1)
        self.blocks = nn.ModuleList(_Block(d) for _ in range(config.blocks))
        self.norm = _CellNorm(d)
        self.emit = nn.Conv2d(d, config.unit**2 * config.kernel**2, 1)
        nn.init.normal_(self.emit.weight, std=(2 / d) ** 0.5)  # filters of unit variance, which `normalise` expects
        assert self.emit.bias is not None
        nn.init.zeros_(self.emit.bias)

    @classmethod
    def from_card(cls, config: Mapping[str, Any], space: Space[Any]) -> Smash:
        return cls(SmashConfig(**config), space)

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """The weights of each graph: names and shapes are those of `graph.params()`."""
        if not graphs:
            return []
        encodings = [encode(graph, self.config.unit, self.config.kernel) for graph in graphs]
        device = self.read.weight.device
        height, width = (max(e.cells.shape[i] for e in encodings) for i in (1, 2))
        canvas = torch.zeros(len(encodings), FEATURES, height, width)
        for i, e in enumerate(encodings):
            canvas[i, :, : e.cells.shape[1], : e.cells.shape[2]] = e.cells
        cells = self._hypernetwork(canvas.to(device))
        learnt = self.learnt(graphs)
        return [
            {**own, **self._filters(encoding, made)}
            for own, encoding, made in zip(learnt, encodings, cells, strict=True)
        ]

    def _hypernetwork(self, canvas: Float[Tensor, "g f h w"]) -> Float[Tensor, "g c h w"]:
        """A cell of the encoding -> unit x unit filters."""
        filled = canvas.abs().sum(1, keepdim=True) > 0  # what is empty must not leak from one graph's width to another
        x = self.read(canvas) * filled
        for block in self.blocks:
            x = block(x, filled)
        out: Tensor = self.emit(torch.relu(self.norm(x)))
        return out

    def _filters(self, encoding: Encoding, cells: Float[Tensor, "c h w"]) -> WeightDict:
        """Cuts what was emitted for a graph into its convolutions."""
        out: WeightDict = {}
        n, k = self.config.unit, self.config.kernel
        for name, shape, column in encoding.columns:
            rows, width = ceil(shape[1] / n), ceil(shape[0] / n)
            part = cells[:, :rows, column : column + width]
            full = rearrange(part, "(o i kh kw) r c -> (c o) (r i) kh kw", o=n, i=n, kh=k, kw=k)
            middle = (centre(shape[2], k), centre(shape[3], k))
            weight = full[: shape[0], : shape[1], middle[0], middle[1]]
            out[name] = normalise(weight[None], GENERATED, 2.0)[0]
        return out


class _CellNorm(nn.LayerNorm):
    """Normalises the channels of each cell by itself.

    The batch normalisation of the paper would let a candidate's weights depend on what is encoded beside it.
    """

    def forward(self, x: Float[Tensor, "g c h w"]) -> Float[Tensor, "g c h w"]:
        return rearrange(super().forward(rearrange(x, "g c h w -> g h w c")), "g h w c -> g c h w")


class _Block(nn.Module):
    """A residual block that keeps to the filled cells."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(_CellNorm(d) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(d, d, 3, padding=1) for _ in range(2))

    def forward(self, x: Float[Tensor, "g c h w"], filled: Tensor) -> Float[Tensor, "g c h w"]:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = conv(torch.relu(norm(y)) * filled) * filled
        return x + y
