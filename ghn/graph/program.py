"""Runs a user's own module with weights from anywhere; nothing of the module is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._pytree import tree_map

from ghn.errors import GraphError
from ghn.graph.capturing import capture
from ghn.graph.interpreter import Inputs, Interpreter, Ran, as_tuple, unknown_parts
from ghn.graph.recorder import Captured

TOLERANCE = 1e-3  # of a check, of the largest output: float32 rounds otherwise in another order of sums
_LOCKS: WeakKeyDictionary[nn.Module, RLock] = (
    WeakKeyDictionary()
)  # a module runs once at a time: its modes are switched


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
        counters = {name for name, _ in module.named_buffers() if name.endswith("num_batches_tracked")}
        self._written = sorted(captured.written | counters)
        self._unknown = unknown_parts(captured.graph, captured.constants)
        self._inner = None if self._unknown else interpreter_of(captured, running_stats=running_stats)
        self._lock = _LOCKS.setdefault(module, RLock())

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
            return self._inner.run(weights, x, watch, training=training)
        given = {own: weights[name] for name, own in {**self._params, **self._stats}.items()}
        given |= {name: self.module.get_buffer(name).clone() for name in self._written}
        args, kwargs = ((), dict(x)) if isinstance(x, Mapping) else (as_tuple(x), {})
        with self._lock, self._switched(training):
            return Ran(functional_call(self.module, given, args, kwargs), {})

    @contextmanager
    def _switched(self, training: bool) -> Iterator[None]:
        """The module in the mode of a call; afterwards as it was."""
        modes = [m.training for m in self._modules]
        tracked = [m.track_running_stats for m in self._norms]
        for m in self._modules:
            m.training = training and self.running_stats
        for m in self._norms:
            m.training, m.track_running_stats = m.training or not self.running_stats, self.running_stats
        try:
            yield
        finally:
            for m, mode in zip(self._modules, modes, strict=True):
                m.training = mode
            for m, tracks in zip(self._norms, tracked, strict=True):
                m.track_running_stats = tracks


def interpreter_of(captured: Captured, *, running_stats: bool = False) -> Interpreter:
    """Runs a captured graph instead of its module; `GraphError` where an operation is only seen."""
    return Interpreter(captured.graph, running_stats=running_stats, constants=captured.constants)


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
        GraphError: they differ by more than rounding; the graph has operations that are only seen, or the module cannot
            be captured.
    """
    captured = captured or capture(module, inputs)
    generator = torch.Generator().manual_seed(seed)
    device = next((p.device for p in module.parameters()), torch.device("cpu"))

    def random(x: Tensor) -> Tensor:
        shape = (2, *x.shape[1:])
        if x.is_floating_point():
            return torch.randn(shape, generator=generator, dtype=x.dtype).to(device)
        known = x.flatten().cpu()
        return known[torch.randint(len(known), shape, generator=generator)].to(device)

    drawn = tree_map(random, dict(inputs) if isinstance(inputs, Mapping) else as_tuple(inputs))
    params, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    own = {name: params[where].detach() for name, where in captured.params.items()}
    own |= {name: buffers[where].clone() for name, where in captured.stats.items()}
    with torch.no_grad():
        expected = ModuleProgram(module, captured, running_stats=True).run(own, drawn).output
        found = interpreter_of(captured, running_stats=True).run(own, drawn).output
    if not isinstance(expected, Tensor) or expected.shape != found.shape:
        raise GraphError("the captured graph has another output than the module", got=tuple(found.shape))
    share = float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-12))
    if not share <= TOLERANCE:
        raise GraphError(
            f"the captured graph of {type(module).__name__} does not compute what the module computes",
            got=f"outputs that differ by {share:.1e} of the greatest",
            expected=f"at most {TOLERANCE:.0e}",
            fix="a forward pass that draws random numbers cannot be checked: check=False",
        )
    return share
