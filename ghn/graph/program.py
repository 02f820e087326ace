"""Runs a user's own module with weights from anywhere; nothing of the module is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._pytree import tree_map

from ghn.errors import GraphError
from ghn.graph.capturing import capture, check_capturable, check_module, slow_path
from ghn.graph.interpreter import Inputs, Interpreter, Ran, as_tuple, unknown_parts
from ghn.graph.recorder import Captured, tensors_of
from ghn.graph.unchanged import lock_of, same_random_numbers, unchanged

TOLERANCE = 1e-3  # of a check, of the largest output: float32 rounds otherwise in another order of sums


class ModuleProgram:
    """Runs a module; weights replace its parameters for the call.

    Dropout is off unless `training`. Without running statistics, normalisations that keep some are switched to those of
    the batch for the call, and back.

    Args:
        module: what runs.
        captured: of it.
        running_stats: run on running statistics, which are brought along with the weights.
    """

    def __init__(self, module: nn.Module, captured: Captured, *, running_stats: bool = False) -> None:
        self.module, self.captured, self.running_stats = module, captured, running_stats
        self._params, self._stats = captured.params, captured.stats if running_stats else {}
        self.needed = frozenset(self._params) | frozenset(self._stats)
        self._modules = list(module.modules())
        self._norms = [m for m in self._modules if isinstance(m, _NormBase) and m.running_mean is not None]
        self._buffers = [name for name, _ in module.named_buffers()]
        counting = ("num_batches_tracked", "running_mean", "running_var")  # instance norms count in evaluation too
        counters = {name for name in self._buffers if name.endswith(counting)}
        self._written = sorted(captured.written | counters)
        self._unknown = unknown_parts(captured.graph, captured.constants)
        self._inner = None if self._unknown else interpreter_of(captured, running_stats=running_stats)

    @property
    def checkable(self) -> bool:
        """Whether all operations of its graph are known."""
        return not self._unknown

    def with_stats(self) -> ModuleProgram:
        """The same on running statistics, for training by SGD."""
        return ModuleProgram(self.module, self.captured, running_stats=True)

    def new_stats(self, device: torch.device | str = "cpu") -> dict[str, Tensor]:
        """Fresh running statistics by name; pass them along with the weights, they are updated in place."""
        buffers = dict(self.module.named_buffers())
        return {
            name: torch.full(buffers[own].shape, float(name.endswith("running_var")), device=device)
            for name, own in self._stats.items()
        }

    def run(
        self, weights: Mapping[str, Tensor], x: Inputs, watch: Sequence[str] = (), *, training: bool = False
    ) -> Ran:
        """Runs the module, as `Program.run` says; inner values come of its graph.

        Raises:
            GraphError: a weight is missing or not the module's; or inner values are asked for, and the graph holds
                operations that cannot be run.
        """
        if weights.keys() != self.needed:
            missing, extra = sorted(self.needed - weights.keys()), sorted(weights.keys() - self.needed)
            raise GraphError("weights do not fit the module", got=f"missing: {missing[:5]}, unknown: {extra[:5]}")
        if watch:
            if self._inner is None:
                what = "inner values of a module with these operations cannot be read"
                raise GraphError(what, got=self._unknown[:5])
            return self._inner.run(weights, in_order(self.captured, x), watch, training=training)
        with lock_of(self.module), self._switched(training):
            given = self._given(weights, as_tuple(x)[0].device, training)
            x = tree_map(torch.clone, x) if self.captured.writes_inputs else x
            args, kwargs = ((), dict(x)) if isinstance(x, Mapping) else (as_tuple(x), {})
            try:
                return Ran(functional_call(self.module, given, args, kwargs), {})
            except (GraphError, RuntimeError):
                raise
            except Exception as error:  # whatever the user's own forward raises
                shapes = [tuple(one.shape) for one in as_tuple(x)]
                what = f"the forward pass of {type(self.module).__name__} fails on inputs of shapes {shapes}"
                raise GraphError(what, got=f"{type(error).__name__}: {error}") from error

    def _given(self, weights: Mapping[str, Tensor], device: torch.device, training: bool) -> dict[str, Tensor]:
        """What replaces parameters and buffers of the module: of those that it writes to, and of buffers that lie on
        another device than the inputs, copies.
        """
        stats = {own: weights[name] for name, own in self._stats.items()}
        given = {own: weights[name] for name, own in self._params.items()}
        own = dict([*self.module.named_parameters(), *self.module.named_buffers()])
        # in training more may be written to than the capture, in evaluation, has seen
        written = {*self._written, *self._buffers} if training else self._written
        elsewhere = {name: own[name].to(device) for name in self._buffers if own[name].device != device}
        given |= {name: buffer for name, buffer in elsewhere.items() if name not in given}
        copies = {name: (given.get(name, own[name].detach())).clone() for name in written if name not in stats}
        return given | copies | stats

    @contextmanager
    def _switched(self, training: bool) -> Iterator[None]:
        """The module in the mode of a call; afterwards as it was."""
        with unchanged(self._modules):
            for m in self._modules:
                m.training = training and self.running_stats
            for m in self._norms:
                m.training, m.track_running_stats = m.training or not self.running_stats, self.running_stats
            yield


def interpreter_of(captured: Captured, *, running_stats: bool = False) -> Interpreter:
    """Runs a captured graph instead of its module; `GraphError` where an operation is only seen."""
    keeping = {name.rpartition("/")[0] for name in captured.stats}
    without = {node.name for node in captured.graph.nodes if node.operation.has_stats} - keeping
    held = captured.constants
    return Interpreter(captured.graph, running_stats=running_stats, constants=held, batch_only=without)


def in_order(captured: Captured, x: Inputs) -> Inputs:
    """Inputs by name in the order of the graph's."""
    if not isinstance(x, Mapping):
        return x
    if x.keys() != set(captured.inputs):
        raise GraphError("inputs do not fit the module", got=sorted(x), expected=sorted(captured.inputs))
    return tuple(x[name] for name in captured.inputs)


def check(module: nn.Module, inputs: Inputs, captured: Captured | None = None, *, seed: int = 0) -> float:
    """Runs a captured graph and its module on random inputs, both with the module's own weights, in evaluation.

    Args:
        module: the network.
        inputs: an example; whole numbers are drawn from those in it.
        captured: what was captured of it, if it was.
        seed: of the random inputs.

    Returns:
        The greatest difference of the outputs, as a share of the greatest output.

    Raises:
        GraphError: they differ by more than rounding, or one of them fails on random inputs; the graph has operations
            that are only seen, or the module cannot be captured.
    """
    check_module(module)
    with lock_of(module):
        check_capturable(module, inputs)
        return _compare(module, inputs, captured or capture(module, inputs), seed)


def _compare(module: nn.Module, inputs: Inputs, captured: Captured, seed: int) -> float:
    """The greatest difference of the outputs of a module and of its graph."""
    drawn = _random_inputs(module, inputs, seed)
    params, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    own = {name: params[where].detach() for name, where in captured.params.items()}
    own |= {name: buffers[where].clone() for name, where in captured.stats.items()}
    program, graph = ModuleProgram(module, captured, running_stats=True), interpreter_of(captured, running_stats=True)
    title = type(module).__name__
    with torch.no_grad(), same_random_numbers(module), slow_path():
        torch.default_generator.manual_seed(int(torch.randint(1 << 62, ())))  # others than in the capture
        try:
            expected = tensors_of(program.run(own, drawn).output)
        except (GraphError, RuntimeError) as error:
            what, fix = f"{title} fails on random inputs", "check=False leaves the check out, if they cannot be random"
            raise GraphError(what, got=f"{type(error).__name__}: {error}", fix=fix) from error
        try:
            found = tensors_of(graph.run(own, in_order(captured, drawn)).output)
        except (GraphError, RuntimeError) as error:
            raise _differ(title, f"{type(error).__name__}: {error}") from error
    expected = [expected[i] for i in captured.outputs if i < len(expected)]
    if [x.shape for x in found] != [x.shape for x in expected]:
        raise _differ(title, f"outputs of shapes {[tuple(x.shape) for x in found]}")
    share = max(_difference(*pair) for pair in zip(found, expected, strict=True))
    if not share <= TOLERANCE:
        raise _differ(title, f"outputs that differ by {share:.1e} of the greatest")
    return share


def _random_inputs(module: nn.Module, inputs: Inputs, seed: int) -> Any:
    generator = torch.Generator().manual_seed(seed)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))

    def random(x: Tensor) -> Tensor:
        shape = (2, *x.shape[1:])
        if x.is_floating_point() or x.is_complex():
            return torch.randn(shape, generator=generator, dtype=x.dtype, device="cpu").to(device)
        known = x.flatten().cpu()
        if not len(known):
            return torch.zeros(shape, dtype=x.dtype, device=device)
        return known[torch.randint(len(known), shape, generator=generator, device="cpu")].to(device)

    return tree_map(random, dict(inputs) if isinstance(inputs, Mapping) else as_tuple(inputs))


def _difference(found: Tensor, expected: Tensor) -> float:
    """The greatest difference, as a share of the greatest finite value; what is equal may be infinite, or no number."""
    if not expected.numel():
        return 0.0
    wide = torch.complex128 if expected.is_complex() else torch.float64
    found, expected = found.to(wide), expected.to(wide)
    same = (found == expected) | (found.isnan() & expected.isnan())
    greatest = expected.abs()[expected.isfinite()].max() if expected.isfinite().any() else torch.ones(())
    return float(torch.where(same, 0.0, (found - expected).abs()).max() / greatest.clamp_min(1e-12))


def _differ(title: str, got: str) -> GraphError:
    return GraphError(
        f"the captured graph of {title} does not compute what the module computes",
        got=got,
        expected=f"the module's outputs, to {TOLERANCE:.0e} of the greatest",
        fix="a forward pass that draws random numbers, computes with the size of the batch, or in half precision, "
        "cannot be checked: check=False",
    )
