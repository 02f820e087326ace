"""The interpreter: runs a graph of known operations with weights from anywhere."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ghn.errors import GraphError
from ghn.graph.ir import Graph
from ghn.graph.normalisation import Scaled
from ghn.graph.op import Stats
from ghn.graph.plan import Plan, Step, fused, steps_of

_STATS = ("running_mean", "running_var")


Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]
"""What a network reads, with the batch as first axis: one tensor, or several in order or by name."""


class Ran(NamedTuple):
    """What a program gives: its output, and the inner values that were asked for, by name."""

    output: Any  # a tensor; of a module of the user's own with several outputs, all that it returned
    inner: Mapping[str, Tensor]


class Interpreter:
    """Runs a graph; one for each graph, used as often as one likes.

    Args:
        graph: what to run.
        running_stats: keep running statistics of normalisations (for training by SGD): they are brought along with the
            weights. Without them, batch statistics are used in training and evaluation alike.
        constants: values of the nodes that are constants, by name.
        batch_only: nodes that keep no running statistics even so.

    Raises:
        GraphError: an operation that is seen, but cannot be run, or a constant without a value.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        running_stats: bool = False,
        constants: Mapping[str, Tensor] | None = None,
        batch_only: Collection[str] = (),
    ) -> None:
        self.graph, self.running_stats, self.constants = graph, running_stats, dict(constants or {})
        self.batch_only = frozenset(batch_only)
        held = self.constants
        self._constants = {i: held[n.name] for i, n in enumerate(graph.nodes) if n.op == "constant" and n.name in held}
        if wrong := unknown_parts(graph, held):
            raise GraphError(
                "a graph with these operations can be seen, but not run",
                got=wrong[:5],
                fix="run the module that it was captured of: Network.from_module(module, inputs).program",
            )
        self._inputs = [i for i, node in enumerate(graph.nodes) if node.op == "input"]
        self._shapes = [graph.nodes[i].shape for i in self._inputs]
        kept = [n for n in graph.nodes if running_stats and n.operation.has_stats and n.name not in self.batch_only]
        self._channels = {f"{node.name}/{name}": node.shape[0] for node in kept for name in _STATS}

    @cached_property
    def needed(self) -> frozenset[str]:
        return frozenset({p.name for p in self.graph.params()} | self._channels.keys())

    @cached_property
    def _plain(self) -> Plan:
        """Node by node; many graphs are only seen."""
        return Plan.of(steps_of(self.graph), len(self.graph) - 1)

    @cached_property
    def _fused(self) -> Plan:
        return Plan.of(fused(self.graph), len(self.graph) - 1)

    def _plan(self, batch: Any, watched: frozenset[str]) -> Plan:
        """The steps of a run, fused where nothing asks for gradients, running statistics or values in between."""
        exported = not isinstance(batch, int)
        if exported or self._channels or torch.is_grad_enabled() or not watched <= self._fused.named:
            return self._plain
        return self._fused

    def of(self, graph: Graph) -> Interpreter:
        """Runs another form of the same graph, such as its live part."""
        return self._other(graph, self.running_stats)

    def with_stats(self) -> Interpreter:
        """The same on running statistics, for training by SGD."""
        return self._other(self.graph, True)

    def _other(self, graph: Graph, running_stats: bool) -> Interpreter:
        held, only = self.constants, self.batch_only
        return Interpreter(graph, running_stats=running_stats, constants=held, batch_only=only)

    def new_stats(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Fresh running statistics by name; pass them along with the weights, they are updated in place."""
        return {
            name: torch.full((channels,), float(name.endswith(_STATS[1])), device=device)
            for name, channels in self._channels.items()
        }

    def run(
        self, weights: Mapping[str, Tensor], x: Inputs, watch: Sequence[str] = (), *, training: bool = False
    ) -> Ran:
        """Runs the graph on inputs such as images (b, c, h, w), to an output (b, k), as `Program.run` says.

        Raises:
            GraphError: the inputs are not of the graph's shapes; a weight is missing or not the graph's, or there is no
                node of a name.
        """
        watched, given = frozenset(watch), as_tuple(x)
        self._check(weights, given, watched)
        batch = given[0].shape[0]  # a symbol while a graph is exported
        plan = self._plan(batch, watched)
        values: list[Any] = [None] * plan.size
        for i, one in zip(self._inputs, given, strict=True):
            # twice as fast on a CPU, tensor cores on a GPU
            values[i] = one.contiguous(memory_format=torch.channels_last) if one.dim() == 4 else one
        for i, constant in self._constants.items():
            if constant.device != given[0].device:  # once: whoever copies waits for a GPU
                constant = self._constants[i] = constant.to(given[0].device)
            values[i] = constant
        inner: dict[str, Tensor] = {}
        for step, free in zip(plan.steps, plan.free, strict=True):
            if not step.waits:
                _finish(values, step.inputs)
            args = [values[j] for j in step.inputs] if step.inputs else [values[step.out]]
            values[step.out] = step.run(
                args, [weights[n] for n in step.params], *self._how(step, weights, batch, training)
            )
            if step.node in watched:
                _finish(values, (step.out,))
                inner[step.node] = values[step.out]
            for j in free:  # memory of what nobody reads any more
                values[j] = None
        _finish(values, (plan.output,))
        return Ran(values[plan.output], inner)

    def _how(
        self, step: Step, weights: Mapping[str, Tensor], batch: Any, training: bool
    ) -> tuple[Mapping[str, Any], Stats | None]:
        """Attributes and running statistics of a step."""
        attrs, state = step.attrs, None
        if step.op is not None and step.op.infer is None:  # sizes in what PyTorch was called with are in batches
            attrs = {**attrs, "batch": batch}
        if self._channels and f"{step.node}/{_STATS[0]}" in self._channels:
            state = Stats(weights[f"{step.node}/{_STATS[0]}"], weights[f"{step.node}/{_STATS[1]}"], training)
        return attrs, state

    def _check(self, weights: Mapping[str, Tensor], x: Sequence[Tensor], watched: frozenset[str]) -> None:
        if [tuple(one.shape[1:]) or (1,) for one in x] != self._shapes:
            got, expected = [tuple(one.shape) for one in x], [("b", *shape) for shape in self._shapes]
            one = len(got) == len(expected) == 1
            what = "inputs do not fit the graph"
            raise GraphError(what, got=got[0] if one else got, expected=expected[0] if one else expected)
        if weights.keys() != self.needed:
            missing, extra = sorted(self.needed - weights.keys()), sorted(weights.keys() - self.needed)
            raise GraphError("weights do not fit the graph", got=f"missing: {missing[:5]}, unknown: {extra[:5]}")
        if watched and (unknown := watched - {node.name for node in self.graph.nodes}):
            raise GraphError("no node of this name can be watched", got=sorted(unknown)[:5])


def unknown_parts(graph: Graph, constants: Mapping[str, Tensor]) -> list[str]:
    """What keeps a graph from being run: operations that are only seen, and constants without a value."""
    ops = {node.op for node in graph.nodes if not node.operation.runs}
    return sorted(ops | {node.name for node in graph.nodes if node.op == "constant" and node.name not in constants})


def as_tuple(x: Inputs) -> tuple[Tensor, ...]:
    """The tensors of an input, in order."""
    return (x,) if isinstance(x, Tensor) else tuple(x.values() if isinstance(x, Mapping) else x)


def feature_node(graph: Graph) -> int:
    """Index of the last node with a spatial output: the features that the class head reads after pooling."""
    return max(i for i, node in enumerate(graph.nodes) if len(node.shape) == 3)


def _finish(values: list[Any], places: Sequence[int]) -> None:
    """Scales the images of which it was not done yet."""
    for j in places:
        if isinstance(values[j], Scaled):
            values[j] = values[j].done()
