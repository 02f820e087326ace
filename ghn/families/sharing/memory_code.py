"""The memory-bank view of a graph, and its encoding as an image, which SMASH's hypernetwork reads.

A network is a set of memory banks that operations read from and write to, and what is written twice adds up: every
convolution reads from one bank of channels and writes into others. A cell of the image stands for `unit` input channels
by `unit` output channels of one convolution: rows are the units that it reads, columns the units that it writes; the
convolutions stand side by side in topological order.

Source: Brock, Lim, Ritchie & Weston, "SMASH: One-Shot Model Architecture Search through HyperNetworks", ICLR 2018.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, log2, pi
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph, Node
from ghn.graph.op import Shape

KERNELS = (1, 3, 5, 7)
LEVELS = 6  # image sizes, as halvings of the input; smaller ones count as the last
BANKS = 24  # banks of one image size; further ones take the places of the first again
WAVES = 4  # frequencies that say where in its banks a cell reads and writes

_READ = LEVELS  # first feature of each group
_WRITE = _READ + BANKS
_KERNEL = _WRITE + BANKS
_SCALARS = _KERNEL + len(KERNELS)
_PLACE = _SCALARS + 8
FEATURES = _PLACE + 4 * WAVES


class Access(NamedTuple):
    """Where a convolution reads or writes: the number of a bank, in topological order, and the first channel in it."""

    bank: int
    offset: int


class Layer(NamedTuple):
    """A convolution: its node in the graph, where it reads, and where it writes: all that it is added or joined to."""

    node: int
    read: Access
    writes: tuple[Access, ...]


@dataclass(frozen=True)
class MemoryView:
    """A graph as banks and the convolutions between them.

    Normalisations, activations and pools belong to the convolution that they stand beside, as in the paper; an identity
    passes a bank on. Sums are banks into which all their terms are written, concatenations banks whose parts are
    written side by side.
    """

    graph: Graph

    @cached_property
    def banks(self) -> tuple[int, ...]:
        """Index of the node whose value is each bank."""
        nodes = self.graph.nodes
        read = {self._home(node.inputs[0]) for node in nodes if _reads(node)}
        return tuple(i for i, node in enumerate(nodes) if _is_bank(node) or i in read)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The convolutions in topological order."""
        number = {node: bank for bank, node in enumerate(self.banks)}
        found = []
        for i, node in enumerate(self.graph.nodes):
            if node.operation.convolves:
                read = Access(number[self._home(node.inputs[0])], 0)
                writes = tuple(Access(number[bank], offset) for bank, offset in self._writes(i, 0))
                found.append(Layer(i, read, writes))
        return tuple(found)

    @cached_property
    def writers(self) -> tuple[int, ...]:
        """How many convolutions write into each bank."""
        return tuple(sum(bank == a.bank for x in self.layers for a in x.writes) for bank in range(len(self.banks)))

    @cached_property
    def readers(self) -> tuple[int, ...]:
        """How many convolutions read from each bank."""
        return tuple(sum(bank == x.read.bank for x in self.layers) for bank in range(len(self.banks)))

    def _home(self, i: int) -> int:
        """The node whose value is what node `i` passes on."""
        while not (_is_bank(node := self.graph.nodes[i]) or _makes(node)):
            i = self.graph.nodes[i].inputs[0]
        return i

    def _writes(self, i: int, offset: int) -> list[tuple[int, int]]:
        """(bank's node, offset) of all that the value of node `i` is written into."""
        found: list[tuple[int, int]] = []
        if i in self.banks:
            found.append((i, offset))
            if _is_bank(self.graph.nodes[i]):
                return found
        for consumer in dict.fromkeys(self.graph.consumers[i]):
            node = self.graph.nodes[consumer]
            if node.operation.joins:
                before = [self.graph.nodes[j].shape[0] for j in node.inputs]
                found += [(consumer, sum(before[:p])) for p, j in enumerate(node.inputs) if j == i]
            elif not _makes(node):
                found += self._writes(consumer, offset)
        return list(dict.fromkeys(found))


def _is_bank(node: Node) -> bool:
    """Whether its value is a bank wherever it stands: the input, sums, mixtures and concatenations.

    Calls of PyTorch may read any number of values: it counts how many this one does.
    """
    return node.operation.arity != (1, 1) and (node.operation.infer is not None or len(node.inputs) != 1)


def _reads(node: Node) -> bool:
    """Whether it makes a value of its own from what it reads."""
    return node.operation.mixes or node.operation.flattens


def _makes(node: Node) -> bool:
    """Whether its value is none that it passes on."""
    return _reads(node) or node.operation.cuts


class Encoding(NamedTuple):
    """A network as an image: cells [features, units read, units written of all convolutions].

    `columns` has the name, the shape and the first column of the weight of each convolution.
    """

    cells: Float[Tensor, "f h w"]
    columns: list[tuple[str, Shape, int]]


def encode(graph: Graph, unit: int, kernel: int) -> Encoding:
    """Encodes a network; one without convolutions is an empty cell.

    Raises:
        GraphError: a convolution has a larger kernel than `kernel`, or one that is not square.
    """
    view = MemoryView(graph)
    places = _places(graph, view)
    parts, columns, start = [], [], 0
    for layer in view.layers:
        weight = graph.node_params[layer.node][0]
        if weight.shape[2] > kernel or weight.shape[2] != weight.shape[3] or weight.shape[2] not in KERNELS:
            raise GraphError(
                f"SMASH emits square kernels up to {kernel}",
                got=f"{weight.name} of shape {weight.shape}",
                expected=f"sides of {[k for k in KERNELS if k <= kernel]}",
                fix="make SMASH with a larger kernel: weights.kernel=5 in the DARTS space"
                if weight.shape[2] == weight.shape[3] in KERNELS
                else "train other weights in this space: weights=ghn, or weights=oneshot",
            )
        rows, width = ceil(weight.shape[1] / unit), ceil(weight.shape[0] / unit)
        parts.append(_layer(graph, view, layer, places, (rows, width), unit))
        columns.append((weight.name, weight.shape, start))
        start += width
    cells = torch.zeros(FEATURES, max((part.shape[1] for part in parts), default=1), max(start, 1))
    for part, (_, _, column) in zip(parts, columns, strict=True):
        cells[:, : part.shape[1], column : column + part.shape[2]] = part
    return Encoding(cells, columns)


def _places(graph: Graph, view: MemoryView) -> list[tuple[int, int]]:
    """Of each bank its image size, as halvings of the input, and its number among those of that size."""
    found, seen = [], [0] * LEVELS
    for node in view.banks:
        shape = graph.nodes[node].shape
        halvings = log2(graph.input_shape[1] / shape[1]) if len(shape) == 3 else LEVELS
        level = min(LEVELS - 1, max(0, round(halvings)))
        found.append((level, seen[level] % BANKS))
        seen[level] += 1
    return found


def _layer(
    graph: Graph, view: MemoryView, layer: Layer, places: list[tuple[int, int]], size: tuple[int, int], unit: int
) -> Float[Tensor, "f h w"]:
    node, cells = graph.nodes[layer.node], torch.zeros(FEATURES, *size)
    level, bank = places[layer.read.bank]
    cells[level] = 1
    cells[_READ + bank] = 1
    for access in layer.writes:
        cells[_WRITE + places[access.bank][1]] = 1
    cells[_KERNEL + KERNELS.index(node.attr["kernel"])] = 1
    scalars = (
        node.attr["stride"] - 1,
        node.attr["dilation"] - 1,
        float(node.attr["groups"] > 1),
        log2(node.shape[0]) / 8,
        log2(graph.input_shapes(layer.node)[0][0]) / 8,
        graph.levels[layer.node] / graph.levels[-1],
        view.readers[layer.read.bank] / 4,
        max((view.writers[access.bank] for access in layer.writes), default=0) / 4,
    )
    cells[_SCALARS:_PLACE] = torch.tensor(scalars)[:, None, None]
    cells[_PLACE : _PLACE + 2 * WAVES] = _waves(layer.read.offset, size[0], unit)[:, :, None]
    first = layer.writes[0] if layer.writes else Access(0, 0)
    cells[_PLACE + 2 * WAVES :] = _waves(first.offset, size[1], unit)[:, None, :]
    return cells


def _waves(offset: int, n: int, unit: int) -> Float[Tensor, "f n"]:
    """Where units lie in a bank, as sines and cosines of doubling wavelength."""
    where = offset / unit + torch.arange(n)
    angles = pi * where / 2 ** torch.arange(1, WAVES + 1)[:, None]
    return torch.cat([angles.sin(), angles.cos()])
