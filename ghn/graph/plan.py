"""In which steps a graph is run, and passes that make fewer and faster ones of them, for runs without gradients."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ghn.graph.convolution import convolve
from ghn.graph.ir import Graph
from ghn.graph.normalisation import Scaled, normalised, total
from ghn.graph.op import Op, Stats

Run = Callable[[Sequence[Any], Sequence[Tensor], Mapping[str, Any], Stats | None], Any]  # as of an `Op`


class Step(NamedTuple):
    """One call.

    Attributes:
        run: what is called.
        out: where its value goes; the value of a node has the node's index.
        inputs: where it reads.
        attrs: of the operation.
        params: names of the weights that it takes, in order.
        op: the operation of the graph that it is; None for what a pass made.
        node: its name; empty for what a pass made.
        waits: whether it takes images that are yet to be scaled.
    """

    run: Run
    out: int
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    params: tuple[str, ...] = ()
    op: Op | None = None
    node: str = ""
    waits: bool = False


@dataclass(frozen=True)
class Plan:
    """Steps in order.

    Attributes:
        steps: what is called.
        output: which value is given.
        size: how many values there are.
        named: names of the nodes whose value there is.
        free: after each step the values that nobody reads any more.
    """

    steps: tuple[Step, ...]
    output: int
    size: int
    named: frozenset[str]
    free: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, steps: Sequence[Step], output: int) -> Plan:
        """The plan of some steps, the value of one of which is given."""
        last = {j: k for k, step in enumerate(steps) for j in step.inputs}
        free: list[list[int]] = [[] for _ in steps]
        for j, k in last.items():
            free[k].append(j)
        size = 1 + max(max((step.out, *step.inputs)) for step in steps)
        return cls(tuple(steps), output, size, frozenset(s.node for s in steps if s.node), tuple(map(tuple, free)))


def steps_of(graph: Graph) -> list[Step]:
    """A step for each node, as it is."""
    return [
        Step(n.operation.run, i, n.inputs, n.attr, tuple(p.name for p in ps), n.operation, n.name)
        for i, (n, ps) in enumerate(zip(graph.nodes, graph.node_params, strict=True))
    ]


def fused(graph: Graph) -> list[Step]:
    """Fewer and faster steps to the same output, for runs on statistics of the batch without gradients."""
    return write_over(add_at_once(join_convolutions(steps_of(graph))))


# --- several convolutions of one input as one ---


def join_convolutions(steps: Sequence[Step]) -> list[Step]:
    """Convolutions of one input that differ in nothing but their weights become one with the outputs of all.

    A processor computes sixteen outputs in the time of eight. Each is read by a normalisation alone, and these are then
    one as well.
    """
    groups = _alike(steps)
    size = 1 + max(step.out for step in steps)
    begun: dict[int, list[Step]] = {}  # where the first of a group was
    gone: set[int] = set()
    for number, pairs in enumerate(groups):
        joined, normed = size + 2 * number, size + 2 * number + 1
        begun[pairs[0][0].out] = _joined(pairs, joined, normed)
        gone |= {step.out for pair in pairs for step in pair}
    out: list[Step] = []
    for step in steps:
        out += begun.get(step.out, [] if step.out in gone else [step])
    return out


Pair = tuple[Step, Step]  # a convolution and the normalisation that alone reads it


def _alike(steps: Sequence[Step]) -> list[list[Pair]]:
    """Convolutions, with their normalisations, that can be joined."""
    readers: dict[int, list[Step]] = defaultdict(list)
    for step in steps:
        for j in step.inputs:
            readers[j].append(step)
    found: dict[Any, list[Pair]] = defaultdict(list)
    for conv in steps:
        after = readers[conv.out]
        if _is(conv, "conv") and conv.attrs["groups"] == 1 and len(after) == 1 and _is(after[0], "batch_norm"):
            how = tuple(sorted((k, v) for k, v in conv.attrs.items() if k != "out"))
            found[conv.inputs, how, tuple(sorted(after[0].attrs.items()))].append((conv, after[0]))
    return [pairs for pairs in found.values() if len(pairs) > 1]


def _is(step: Step, name: str) -> bool:
    return step.op is not None and step.op.name == name


def _joined(pairs: Sequence[Pair], joined: int, normed: int) -> list[Step]:
    """The steps in place of a group."""
    first, norm = pairs[0]
    weights = [tuple(name for pair in pairs for name in pair[k].params) for k in range(2)]
    made = [
        Step(_convolve_all, joined, first.inputs, first.attrs, weights[0]),
        Step(_normalise_all, normed, (joined,), norm.attrs, weights[1]),
    ]
    start = 0
    for conv, norm in pairs:
        part = {"start": start, "stop": start + conv.attrs["out"]}
        made.append(Step(_part, norm.out, (normed,), part, node=norm.node, waits=True))
        start = part["stop"]
    return made


def _convolve_all(x: Sequence[Tensor], w: Sequence[Tensor], a: Mapping[str, Any], _s: Stats | None) -> Tensor:
    each = 2 if a["bias"] else 1
    weight, bias = torch.cat(list(w[::each])), torch.cat(list(w[1::each])) if a["bias"] else None
    return convolve(x[0], weight, bias, a["stride"], a["padding"], a["dilation"], a["groups"])


def _normalise_all(x: Sequence[Tensor], w: Sequence[Tensor], a: Mapping[str, Any], _s: Stats | None) -> Scaled | Tensor:
    weight, bias = (torch.cat(list(w[0::2])), torch.cat(list(w[1::2]))) if w else (None, None)
    return normalised(x[0], weight, bias, a["eps"])


def _part(x: Sequence[Tensor | Scaled], _w: Sequence[Tensor], a: Mapping[str, Any], _s: Stats | None) -> Any:
    whole = x[0]
    return whole.part(a["start"], a["stop"]) if isinstance(whole, Scaled) else whole[:, a["start"] : a["stop"]]


# --- normalisations carried out by what adds them ---


def add_at_once(steps: Sequence[Step]) -> list[Step]:
    """Normalisations wait for the sum that reads them; everything else gets what is done."""
    return [_adding(step) for step in steps]


def _adding(step: Step) -> Step:
    if _is(step, "batch_norm"):
        return step._replace(run=_normalise_all, op=None)
    if _is(step, "sum") and len(step.inputs) > 1:
        return step._replace(run=_add, op=None, waits=True)
    return step


def _add(x: Sequence[Tensor | Scaled], *_: Any) -> Tensor:
    return total(x)


# --- memory that is used again ---


def write_over(steps: Sequence[Step]) -> list[Step]:
    """A ReLU that alone reads a fresh value writes over it; the value before is then no longer there to be seen."""
    readers = Counter(j for step in steps for j in step.inputs)
    fresh = {step.out for step in steps if step.run in (_add, _normalise_all) and readers[step.out] == 1}
    over = {step.inputs[0] for step in steps if _is(step, "relu") and step.inputs[0] in fresh}
    return [
        step._replace(run=_relu, op=None)
        if _is(step, "relu") and step.inputs[0] in over
        else step._replace(node="")
        if step.out in over
        else step
        for step in steps
    ]


def _relu(x: Sequence[Tensor], *_: Any) -> Tensor:
    return x[0].relu_()
