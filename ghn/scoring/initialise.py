"""Writes generated weights into a module of the user's: as what its training starts from, or to be used at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils._pytree import tree_map

from ghn.display import brief, card, facts
from ghn.errors import ConfigError, GraphError
from ghn.graph.program import ModuleProgram
from ghn.graph.unchanged import lock_of, unchanged
from ghn.nets.ghn import GHN
from ghn.nets.kinds import CLASS_HEAD
from ghn.nets.net import not_finite
from ghn.types import Network

HEADS = ("auto", "make", "keep")


@brief
@dataclass(frozen=True)
class Coverage:
    """What was generated of a module's parameters.

    Attributes:
        made: names of the parameters that were generated, as the module has them.
        kept: those whose values were kept: no decoder makes them, or the forward pass does not read them.
        share: of all the module's weights, how many were generated, 0 to 1.
        unknown: operations that the hypernetwork never met in its training, by name.
    """

    made: tuple[str, ...]
    kept: tuple[str, ...]
    share: float
    unknown: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        shown = {"share of the weights": f"{self.share:.0%}", "made": list(self.made), "kept": list(self.kept)}
        return card("Generated weights", facts({**shown, "unknown operations": list(self.unknown) or None}))


def initialise(
    net: GHN,
    network: Network,
    module: nn.Module,
    *,
    head: str = "auto",
    data: Tensor | Iterable[Any] | None = None,
    strict: bool = False,
) -> Coverage:
    """Generates the weights of a module and writes them into it; see `Model.init_`."""
    if head not in HEADS:
        raise ConfigError("unknown choice for the class head", got=head, expected=" | ".join(HEADS))
    if not isinstance(network.program, ModuleProgram):
        raise ConfigError("weights are written into modules alone", got="a network that is run by its graph")
    makes_head = all(net.makes(p) for p in network.graph.params() if p.kind in CLASS_HEAD)
    without = CLASS_HEAD if head == "keep" or (head == "auto" and not makes_head) else ()
    made = make_weights(net, network, without=without, strict=strict)
    names = network.program.captured.params
    with torch.no_grad():
        for name, value in made.items():
            module.get_parameter(names[name]).copy_(value)
    if data is not None:
        estimate_statistics(module, data)
    return coverage_of(net, network, module, made)


def make_weights(
    net: GHN, network: Network, *, without: Collection[str] = (), strict: bool = False
) -> dict[str, Tensor]:
    """The weights of a network that a hypernetwork makes.

    Args:
        net: the hypernetwork.
        network: of any module, space or graph.
        without: kinds of parameters that are left out.
        strict: refuse what no decoder head makes.

    Raises:
        GraphError: some parameters are made by no head, and `strict` is set; or its class head has more classes than
            the hypernetwork's; or what is made is not finite.
    """
    unmade = [p.name for p in net.unmade(network.graph) if p.kind not in without]
    if strict and unmade:
        raise GraphError(
            f"no decoder head makes {len(unmade)} of {len(network.graph.params())} parameters",
            got=unmade[:10],
            fix="strict=False keeps the network's own values of these",
        )
    with torch.no_grad():
        made = dict(net([network.graph], without)[0])
    if wrong := not_finite(made):
        fix = "take another checkpoint: the training of this one may have diverged"
        raise GraphError("the weights made for this network are not finite", got=wrong[:10], fix=fix)
    return made


def coverage_of(net: GHN, network: Network, module: nn.Module, made: Mapping[str, Tensor]) -> Coverage:
    """What of a module was generated."""
    assert isinstance(network.program, ModuleProgram)
    names = {network.program.captured.params[name] for name in made}
    sizes = {name: p.numel() for name, p in module.named_parameters()}
    share = sum(sizes[name] for name in names) / max(1, sum(sizes.values()))
    met = set(net.config.vocabulary)
    return Coverage(
        tuple(name for name in sizes if name in names),
        tuple(name for name in sizes if name not in names),
        share,
        tuple(sorted({node.op for node in network.graph.nodes} - met)),
    )


def estimate_statistics(module: nn.Module, data: Tensor | Mapping[str, Tensor] | Iterable[Any]) -> None:
    """Re-estimates the running statistics of a module's batch normalisations on data, as the mean over its batches.

    Everything else is in evaluation for that, without dropout, and afterwards in the mode that it was in.

    Args:
        module: in whatever mode, which is kept.
        data: one batch (b, ...), or by the names of `forward`'s arguments; or batches: tensors, tuples that begin with
            one, dicts by name.

    Raises:
        ConfigError: there is no batch, or the module fails on one; the statistics are then as they were.
    """
    norms = [m for m in module.modules() if isinstance(m, _NormBase) and m.running_mean is not None]
    buffers = {name: b.clone() for name, b in module.named_buffers()}
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    count = 0
    with lock_of(module), torch.no_grad(), unchanged(list(module.modules())):
        for m in module.modules():
            m.training = False
        for norm in norms:
            norm.training, norm.momentum = True, None  # the mean over all batches
            norm.reset_running_stats()
        try:
            for batch in [data] if isinstance(data, Tensor | Mapping) else data:
                count += 1
                moved = tree_map(lambda x: x.to(device) if isinstance(x, Tensor) else x, batch)
                if isinstance(moved, Mapping):
                    module(**moved)
                else:
                    module(moved[0] if isinstance(moved, list | tuple) else moved)
        except BaseException as error:
            _restore(module, buffers)
            if not isinstance(error, Exception):
                raise
            what = f"running statistics cannot be estimated: {type(module).__name__} fails on batch {count} of the data"
            fix = "give batches as forward takes them; the weights are written, the statistics are as they were"
            raise ConfigError(what, got=f"{type(error).__name__}: {error}", fix=fix) from error
        if not count:
            _restore(module, buffers)
            raise ConfigError("running statistics cannot be estimated", got="no batch", fix="give data with some")


def _restore(module: nn.Module, buffers: Mapping[str, Tensor]) -> None:
    for name, value in buffers.items():
        module.get_buffer(name).copy_(value)
