"""Sees a user's `torch.nn.Module` as a graph, by one recording of its forward pass.

A recording takes a hundredth of the time of `torch.export`; like it, it sees one path through the module, and control
flow that depends on values ends in an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.utils._pytree import tree_map

from ghn.errors import GraphError
from ghn.graph.interpreter import Inputs, as_tuple
from ghn.graph.recorder import BATCH, Captured, Recorder


def capture(module: nn.Module, inputs: Inputs) -> Captured:
    """Records what a module does with inputs of these shapes, in evaluation; the module is not changed.

    Args:
        module: the network, on a CPU or elsewhere; what it returns may be a tensor, or hold several.
        inputs: an example: a tensor (b, ...), a tuple of them, or a dict by the names of `forward`'s arguments; the
            first axis of each is the batch.

    Raises:
        GraphError: it cannot be recorded: control flow that depends on values, a forward pass that fails, hooks, a
            scripted module, other numbers than float32 or float64, no data; names the module.
    """
    _check(module, inputs)
    params = {name: p.detach().to("meta") for name, p in module.named_parameters()}
    buffers = {name: b.clone() for name, b in module.named_buffers()}  # a forward pass may count in them
    example = tree_map(_example, dict(inputs) if isinstance(inputs, Mapping) else as_tuple(inputs))
    recorder = Recorder(params, as_tuple(example), buffers)
    args, kwargs = ((), example) if isinstance(example, dict) else (example, {})
    with _evaluating(module), torch.no_grad(), recorder.following(module):
        try:
            with recorder:
                output = functional_call(module, params | buffers, args, kwargs)
        except GraphError:
            raise
        except Exception as error:  # whatever the user's own forward raises
            raise GraphError(
                f"{_title(module, recorder.path)} cannot be captured",
                got=f"{type(error).__name__}: {error}",
                expected="a forward pass that runs on the example inputs, without control flow that depends on values",
                fix="give example_inputs as forward takes them; compute what depends on values outside of the network",
            ) from error
    return recorder.finished(output)


def _example(x: Tensor) -> Tensor:
    return torch.empty((BATCH, *x.shape[1:]), dtype=x.dtype, device="meta")


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """All of a module in evaluation; afterwards as it was."""
    before = [(m, m.training) for m in module.modules()]
    for m, _ in before:
        m.training = False
    try:
        yield
    finally:
        for m, training in before:
            m.training = training


def _title(module: nn.Module, path: str) -> str:
    return f"module {path!r} of {type(module).__name__}" if path else type(module).__name__


def _check(module: nn.Module, inputs: Inputs) -> None:
    """Raises `GraphError` for what cannot be recorded, or could only be by changing it."""
    for path, m in module.named_modules():
        where = _title(module, path)
        if isinstance(m, torch.jit.ScriptModule):
            raise GraphError(f"{where} is scripted", got=type(m).__name__, fix="give the module it was made of")
        if m._forward_hooks or m._forward_pre_hooks:
            raise GraphError(
                f"{where} has hooks, which could change it or be changed",
                fix="remove them, or make them part of forward",
            )
        for name, p in [*m.named_parameters(recurse=False), *m.named_buffers(recurse=False)]:
            if p.is_meta:
                raise GraphError(f"{where} is on meta: {name!r} has no values", fix="build it on a CPU")
            if p.is_floating_point() and p.dtype not in (torch.float32, torch.float64):
                raise GraphError(f"{where}: {name!r} is {p.dtype}", expected="float32", fix="convert it: .float()")
    tensors = as_tuple(inputs) if isinstance(inputs, Tensor | Sequence | Mapping) else ()
    wrong = [type(x).__name__ for x in tensors if not isinstance(x, Tensor)]
    if not tensors or wrong or any(x.dim() == 0 for x in tensors):
        raise GraphError(
            "example_inputs are missing or misshapen",
            got=wrong or type(inputs).__name__,
            expected="a tensor (b, ...), a tuple of them, or a dict of them by name",
        )
