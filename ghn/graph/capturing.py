"""Sees a user's `torch.nn.Module` as a graph, by one recording of its forward pass.

A recording is ten to twenty times as fast as `torch.export` (tests/benchmarks/graphs.py); like it, it sees one path
through the module, and control flow that depends on values ends in an error.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.func import functional_call
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_map

from ghn.errors import GraphError
from ghn.graph.interpreter import Inputs, as_tuple
from ghn.graph.recorder import Captured, Recorder, Whole
from ghn.graph.unchanged import lock_of, same_random_numbers, unchanged

BATCHES = (1423, 1427, 1429, 1433, 1439, 1447, 1451, 1453, 1459, 1471)  # of a recording: primes that nobody chooses


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
    check_module(module)
    with lock_of(module):
        check_capturable(module, inputs)
        try:
            return _record(module, inputs, fake=False)
        except GraphError as error:
            # what asks for the device tells tensors on `meta` from others; those that pretend to have one take longer
            try:
                with _unlogged():
                    return _record(module, inputs, fake=True)
            except GraphError:
                raise error from error.__cause__


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keeps PyTorch from logging the traceback of a forward pass that fails: it is told as an error."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before, log.disabled = log.disabled, True
    try:
        yield
    finally:
        log.disabled = before


def _record(module: nn.Module, inputs: Inputs, *, fake: bool) -> Captured:
    batch = _batch_of(module, inputs)
    given = dict(inputs) if isinstance(inputs, Mapping) else as_tuple(inputs)
    with ExitStack() as stack:
        stack.enter_context(unchanged(list(module.modules())))
        stack.enter_context(same_random_numbers(module))
        stack.enter_context(slow_path())
        stack.enter_context(torch.no_grad())
        for m in module.modules():
            m.training = False
        device = torch.device("meta")
        params: dict[str, Tensor]
        buffers: dict[str, Tensor]
        if fake:
            device = next((p.device for p in module.parameters()), torch.device("cpu"))
            mode = stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
            params = {name: mode.from_tensor(p.detach()) for name, p in module.named_parameters()}
            buffers = {name: mode.from_tensor(b.detach()) for name, b in module.named_buffers()}
        else:  # copies of buffers, as a forward pass may count in them
            params = {name: p.detach().to("meta") for name, p in module.named_parameters()}
            buffers = {name: b.detach().to("cpu", copy=True) for name, b in module.named_buffers()}
        example = tree_map(lambda x: torch.empty((batch, *x.shape[1:]), dtype=x.dtype, device=device), given)
        recorder = Recorder(params, as_tuple(example), buffers, batch=batch, fake=fake)
        args, kwargs = ((), example) if isinstance(example, dict) else (example, {})
        stack.enter_context(recorder.place.following(module))
        try:
            with recorder, Whole(recorder):
                output = functional_call(module, params | buffers, args, kwargs)
        except GraphError:
            raise
        except Exception as error:  # whatever the user's own forward raises
            shapes = ", ".join(f"[b {' '.join(map(str, x.shape[1:]))}]" for x in as_tuple(given))
            raise GraphError(
                f"{title(module, recorder.place.path)} cannot be captured",
                got=f"{type(error).__name__}: {error}",
                expected=f"a forward pass that runs on inputs {shapes}, without control flow that depends on values",
                fix="give inputs (or a task) that forward takes; compute what depends on values outside of the network",
            ) from error
        return recorder.finished(output, list(given) if isinstance(given, dict) else ())


def _batch_of(module: nn.Module, inputs: Inputs) -> int:
    """A size for the batch that no size of the network is a multiple of."""
    sizes = {size for t in [*module.parameters(), *module.buffers()] for size in t.shape}
    sizes |= {size for x in as_tuple(inputs) for size in x.shape[1:]}
    sizes |= {abs(value) for m in module.modules() for value in m.__dict__.values() if type(value) is int}
    free = [prime for prime in BATCHES if not any(size and size % prime == 0 for size in sizes)]
    return (free or BATCHES)[0]


@contextmanager
def slow_path() -> Iterator[None]:
    """PyTorch's transformers compute what is written, and not, where they can, something that is faster."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def title(module: nn.Module, path: str) -> str:
    """What errors call a module."""
    return f"module {path!r} of {type(module).__name__}" if path else type(module).__name__


def check_module(module: Any) -> None:
    """Raises `GraphError` for what is no module."""
    if not isinstance(module, nn.Module):
        got = module.__name__ if isinstance(module, type) else type(module).__name__
        raise GraphError("not a module", got=got, expected="an instance of torch.nn.Module")


def check_capturable(module: nn.Module, inputs: Any) -> None:
    """Raises `GraphError` for what cannot be recorded, or could only be by changing it."""
    for path, m in module.named_modules():
        _check_module(title(module, path), m)
    held = inputs.values() if isinstance(inputs, Mapping) else inputs
    tensors = [held] if isinstance(held, Tensor) else [*held] if isinstance(held, Iterable) else []
    wrong = sorted({type(x).__name__ for x in tensors if not isinstance(x, Tensor)})
    if not tensors or wrong or any(x.dim() == 0 for x in tensors):
        raise GraphError(
            "example_inputs are missing or misshapen",
            got=wrong or type(inputs).__name__,
            expected="a tensor (b, ...), a tuple of them, or a dict of them by name",
        )


def _check_module(where: str, m: nn.Module) -> None:
    if isinstance(m, torch.jit.ScriptModule):
        raise GraphError(f"{where} is scripted", got=type(m).__name__, fix="give the module it was made of")
    if isinstance(m, nn.DataParallel | nn.parallel.DistributedDataParallel):
        raise GraphError(
            f"{where} runs on several devices", got=type(m).__name__, fix="give what it wraps: its .module"
        )
    tensors = [*m.named_parameters(recurse=False), *m.named_buffers(recurse=False)]
    for name, p in tensors:
        if is_lazy(p):
            raise GraphError(f"{where} is lazy: {name!r} has no shape yet", fix="run it once on the example inputs")
    if m._forward_hooks or m._forward_pre_hooks or m._backward_hooks or m._backward_pre_hooks:
        raise GraphError(
            f"{where} has hooks, which could change it or be changed",
            fix="remove them, or make them part of forward; norms of weights: torch.nn.utils.parametrizations",
        )
    for name, p in tensors:
        if p.is_meta:
            raise GraphError(f"{where} is on meta: {name!r} has no values", fix="build it on a CPU")
        if p.is_floating_point() and p.dtype not in (torch.float32, torch.float64):
            raise GraphError(f"{where}: {name!r} is {p.dtype}", expected="float32", fix="convert it: .float()")
