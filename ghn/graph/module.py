"""The interpreter: runs a graph with weights from anywhere, through `torch.func.functional_call`."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from ghn.errors import GraphError
from ghn.graph.ir import Graph
from ghn.graph.op import Stats, get_op

_STATS = ("running_mean", "running_var")


class GraphModule(nn.Module):
    """A graph as a module whose parameters live on `meta` until `functional_call` brings them.

    Args:
        graph: what to run. Parameters are registered under the names of `graph.params()`.
        running_stats: keep running statistics of normalisations (for training by SGD). Without them, batch statistics
            are used in training and evaluation alike.
        features: return the last spatial feature map (b, c, h, w) instead of the output (b, k).
    """

    def __init__(self, graph: Graph, *, running_stats: bool = False, features: bool = False) -> None:
        super().__init__()
        self.input_shape = graph.input_shape
        self._stop = feature_node(graph) if features else len(graph) - 1
        self._plan = [
            (get_op(n.op), n.inputs, n.attr, tuple(p.name for p in ps), n.name)
            for n, ps in zip(graph.nodes[: self._stop + 1], graph.node_params, strict=False)
        ]
        self._free = _last_uses(graph, self._stop)
        for node, params in zip(graph.nodes[: self._stop + 1], graph.node_params, strict=False):
            for p in params:
                self.register_parameter(p.name, nn.Parameter(torch.empty(p.shape, device="meta")))
            if running_stats and get_op(node.op).has_stats:
                for name in _STATS:
                    self.register_buffer(f"{node.name}/{name}", torch.empty(node.shape[0], device="meta"))

    def new_stats(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Fresh running statistics by buffer name; pass them along with the weights, they are updated in place."""
        fill = dict(zip(_STATS, (0.0, 1.0), strict=True))
        return {n: torch.full(b.shape, fill[n.rsplit("/", 1)[1]], device=device) for n, b in self.named_buffers()}

    def forward(self, x: Tensor, record: list[tuple[str, Tensor]] | None = None) -> Tensor:
        """Runs the graph on images of shape (b, c, h, w).

        Args:
            x: the images.
            record: takes the operation and the output of every node, in order.

        Raises:
            GraphError: the images are not of the graph's input shape.
        """
        if tuple(x.shape[1:]) != self.input_shape:
            raise GraphError("images do not fit the graph", got=tuple(x.shape), expected=("b", *self.input_shape))
        x = x.contiguous(memory_format=torch.channels_last)  # twice as fast on a CPU, tensor cores on a GPU
        values: list[Tensor | None] = [None] * len(self._plan)
        weights, stats = self._parameters, self._buffers
        for i, (op, inputs, attrs, names, node) in enumerate(self._plan):
            args = [values[j] for j in inputs] if i else [x]
            state = None
            if op.has_stats and stats:
                state = Stats(stats[f"{node}/running_mean"], stats[f"{node}/running_var"], self.training)  # type: ignore[arg-type]
            values[i] = op.run(args, [weights[n] for n in names], attrs, state)  # type: ignore[arg-type, misc]
            if record is not None:
                record.append((op.name, values[i]))  # type: ignore[arg-type]
            for j in self._free[i]:  # memory of what nobody reads any more
                values[j] = None
        output = values[self._stop]
        assert output is not None
        return output


def feature_node(graph: Graph) -> int:
    """Index of the last node with a spatial output: the features that the class head reads after pooling."""
    return max(i for i, node in enumerate(graph.nodes) if len(node.shape) == 3)


def _last_uses(graph: Graph, stop: int) -> list[list[int]]:
    """For each step the values that are read there for the last time."""
    last: dict[int, int] = {}
    for i, node in enumerate(graph.nodes[: stop + 1]):
        for j in node.inputs:
            last[j] = i
    free: list[list[int]] = [[] for _ in range(stop + 1)]
    for j, i in last.items():
        free[i].append(j)
    return free


def run_graph(
    module: GraphModule, weights: Mapping[str, Tensor], x: Tensor, record: list[tuple[str, Tensor]] | None = None
) -> Tensor:
    """Runs a module with given weights; differentiable in them. A missing or extra weight is an error.

    `record` takes the operation and output of every node.

    Shapes: `x` (b, c, h, w) -> (b, k), or (b, c, h, w) for a feature module.
    """
    return torch.func.functional_call(module, dict(weights), (x, record), strict=True)
