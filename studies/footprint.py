"""What weights take: parameters by counting, and the memory of a training step by listening to autograd."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks

from ghn.families.sharing.bank import MIXTURE, key_of
from ghn.graph.interpreter import Interpreter
from ghn.graph.ir import Graph
from ghn.types import WeightDict


def count_shared(graph: Graph, without: Sequence[str] = ()) -> int:
    """Parameters that a bank holds for a supergraph: each role and shape once, without the weights of its mixtures.

    Args:
        graph: the supergraph.
        without: kinds of parameters that are not held.
    """
    apart = {MIXTURE, *without}
    return sum({key_of(p): prod(p.shape) for p in graph.params() if p.kind not in apart}.values())


def saved_bytes(forward: Callable[[], Tensor], besides: Iterable[Tensor] = ()) -> int:
    """Bytes that a forward pass has kept for its backward pass when it ends.

    Storages are counted once, however many operations keep them. On a CPU the number depends on the shapes alone.

    Args:
        forward: gives the loss.
        besides: tensors that are there anyway, such as parameters and images; not counted.
    """
    packed: list[weakref.ref[Tensor]] = []

    def keep(tensor: Tensor) -> Tensor:
        alias = tensor.detach()  # a result that its own operation keeps would never be freed
        packed.append(weakref.ref(alias))
        return alias

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = forward()
    storages = [alias.untyped_storage() for ref in packed if (alias := ref()) is not None]  # what was let go, is not
    held = {storage.data_ptr(): storage.nbytes() for storage in storages}
    for tensor in besides:
        held.pop(tensor.untyped_storage().data_ptr(), None)
    del loss  # not before: what it reads is to be counted
    return sum(held.values())


def step_bytes(
    graph: Graph,
    make: Callable[[], WeightDict],
    x: Float[Tensor, "b c h w"],
    y: Int[Tensor, " b"],
    besides: Iterable[Tensor] = (),
) -> int:
    """Activation memory, in bytes, of a training step of a network; the making of its weights counts too.

    Args:
        graph: the network.
        make: gives its weights.
        x: images.
        y: labels.
        besides: parameters that `make` reads.
    """
    module = Interpreter(graph)
    x = x.contiguous(memory_format=torch.channels_last)  # as the module would make them: no copy of its own
    return saved_bytes(lambda: F.cross_entropy(module.run(make(), x).output, y), [x, y, *besides])
