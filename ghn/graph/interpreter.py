"""The interpreter: runs a graph of known operations with weights from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph
from ghn.graph.op import Stats

_STATS = ("running_mean", "running_var")


Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
"""What a network reads, with the batch as first axis: one tensor, or several in order or by name."""


class Ran(NamedTuple):
    """What a program gives: its output, and the inner values that were asked for, by name."""

    output: Tensor
    inner: Mapping[str, Tensor]


class Interpreter:
    """Runs a graph; one for each graph, used as often as one likes.

    Args:
        graph: what to run.
        running_stats: keep running statistics of normalisations (for training by SGD): they are brought along with the
            weights. Without them, batch statistics are used in training and evaluation alike.
    """

    def __init__(self, graph: Graph, *, running_stats: bool = False) -> None:
        self.input_shape = graph.input_shape
        self._plan = [
            (n.operation, n.inputs, n.attr, tuple(p.name for p in ps), n.name)
            for n, ps in zip(graph.nodes, graph.node_params, strict=True)
        ]
        self._names = frozenset(n.name for n in graph.nodes)
        self._free = _last_uses(graph)
        kept = [node for node in graph.nodes if running_stats and node.operation.has_stats]
        self._channels = {f"{node.name}/{name}": node.shape[0] for node in kept for name in _STATS}
        self.needed = frozenset({p.name for p in graph.params()} | self._channels.keys())

    def new_stats(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Fresh running statistics by name; pass them along with the weights, they are updated in place."""
        return {
            name: torch.full((channels,), float(name.endswith(_STATS[1])), device=device)
            for name, channels in self._channels.items()
        }

    def run(
        self, weights: Mapping[str, Tensor], x: Inputs, watch: Sequence[str] = (), *, training: bool = False
    ) -> Ran:
        """Runs the graph on images (b, c, h, w), or what else its input is, to an output (b, k), as `Program.run` says.

        Raises:
            GraphError: the input is not of the graph's input shape; a weight is missing or not the graph's, or there
                is no node of a name.
        """
        watched = frozenset(watch)
        if not isinstance(x, Tensor):
            raise GraphError("a graph has one input", got=f"{len(x)} inputs")
        self._check(weights, x, watched)
        if x.ndim == 4:
            x = x.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU, tensor cores on a GPU
        values: list[Tensor | None] = [None] * len(self._plan)
        inner: dict[str, Tensor] = {}
        for i, (op, inputs, attrs, names, node) in enumerate(self._plan):
            args: list[Tensor] = [values[j] for j in inputs] if i else [x]  # type: ignore[misc]
            state = None
            if op.has_stats and self._channels:
                state = Stats(weights[f"{node}/{_STATS[0]}"], weights[f"{node}/{_STATS[1]}"], training)
            values[i] = value = op.run(args, [weights[n] for n in names], attrs, state)
            if node in watched:
                inner[node] = value
            for j in self._free[i]:  # memory of what nobody reads any more
                values[j] = None
        return Ran(value, inner)

    def _check(self, weights: Mapping[str, Tensor], x: Tensor, watched: frozenset[str]) -> None:
        if tuple(x.shape[1:]) != self.input_shape:
            raise GraphError("images do not fit the graph", got=tuple(x.shape), expected=("b", *self.input_shape))
        if weights.keys() != self.needed:
            missing, extra = sorted(self.needed - weights.keys()), sorted(weights.keys() - self.needed)
            raise GraphError("weights do not fit the graph", got=f"missing: {missing[:5]}, unknown: {extra[:5]}")
        if unknown := watched - self._names:
            raise GraphError("no node of this name can be watched", got=sorted(unknown)[:5])


def feature_node(graph: Graph) -> int:
    """Index of the last node with a spatial output: the features that the class head reads after pooling."""
    return max(i for i, node in enumerate(graph.nodes) if len(node.shape) == 3)


def _last_uses(graph: Graph) -> list[list[int]]:
    """For each step the values that are read there for the last time."""
    free: list[list[int]] = [[] for _ in graph.nodes]
    for j, readers in enumerate(graph.consumers):
        for i in readers[-1:]:
            free[i].append(j)
    return free
