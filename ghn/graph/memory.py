"""The memory-bank view of a graph: every convolution reads from one bank of channels and writes into others.

Source: Brock, Lim, Ritchie & Weston, "SMASH: One-Shot Model Architecture Search through HyperNetworks", ICLR 2018:
a network is a set of memory banks that operations read from and write to, and what is written twice adds up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ghn.graph.ir import Graph

_INNER = frozenset({"input", "sum", "mix", "concat"})  # values that are banks wherever they stand
_MAKES = frozenset({"conv", "linear", "global_pool", "zero"})  # values that no other operation passes on


@dataclass(frozen=True, slots=True)
class Access:
    """A place in memory that a convolution reads from or writes to.

    Attributes:
        bank: number of the bank, in topological order.
        offset: first channel in it.
    """

    bank: int
    offset: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A convolution in the memory-bank view.

    Attributes:
        node: its index in the graph.
        read: where its input lies.
        writes: where its output goes: everywhere that it is added or concatenated.
    """

    node: int
    read: Access
    writes: tuple[Access, ...]


@dataclass(frozen=True)
class MemoryView:
    """A graph as banks and the convolutions between them.

    Normalisations, activations and pools belong to the convolution that they stand beside, as in the paper; an identity
    passes a bank on. Sums are banks into which all their terms are written, concatenations banks whose parts are
    written side by side.

    Args:
        graph: any graph.
    """

    graph: Graph

    @cached_property
    def banks(self) -> tuple[int, ...]:
        """Index of the node whose value is each bank."""
        nodes = self.graph.nodes
        read = {self._home(node.inputs[0]) for node in nodes if node.op in ("conv", "linear", "global_pool")}
        return tuple(i for i, node in enumerate(nodes) if node.op in _INNER or i in read)

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The convolutions in topological order."""
        number = {node: bank for bank, node in enumerate(self.banks)}
        found = []
        for i, node in enumerate(self.graph.nodes):
            if node.op == "conv":
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
        while self.graph.nodes[i].op not in _INNER | _MAKES:
            i = self.graph.nodes[i].inputs[0]
        return i

    def _writes(self, i: int, offset: int) -> list[tuple[int, int]]:
        """(bank's node, offset) of all that the value of node `i` is written into."""
        found: list[tuple[int, int]] = []
        if i in self.banks:
            found.append((i, offset))
            if self.graph.nodes[i].op in _INNER:
                return found
        for consumer in dict.fromkeys(self.graph.consumers[i]):
            node = self.graph.nodes[consumer]
            if node.op == "concat":
                before = [self.graph.nodes[j].shape[0] for j in node.inputs]
                found += [(consumer, sum(before[:p])) for p, j in enumerate(node.inputs) if j == i]
            elif node.op not in _MAKES:
                found += self._writes(consumer, offset)
        return list(dict.fromkeys(found))
