"""A bank of shared weights: one tensor for each role of a space, which all its architectures use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from ghn.errors import ConfigError, GraphError, check_known
from ghn.families.sharing.roles import key_of, param_of
from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.nets.initial import draw
from ghn.nets.net import Net
from ghn.spaces import skeletons_of
from ghn.spaces.choices import choice_space, role_of
from ghn.types import Space, WeightDict

MOST_SKELETONS = 64
MIXTURE = "mix_weight"  # the kind of what weighs the options of a supergraph: a search's own, never the bank's
SOURCES = {
    "oneshot": "Bender et al., Understanding and Simplifying One-Shot Architecture Search, ICML 2018",
    "enas": "Pham et al., Efficient Neural Architecture Search via Parameter Sharing, ICML 2018",
    "smash": "Brock et al., SMASH: One-Shot Model Architecture Search through HyperNetworks, ICLR 2018",
    "darts": "Liu, Simonyan & Yang, DARTS: Differentiable Architecture Search, ICLR 2019",
}


def check_few(skeletons: Sequence[object]) -> None:
    """Refuses more skeletons than anyone trains a bank for: the supergraph of each is built."""
    if len(skeletons) > MOST_SKELETONS:
        raise ConfigError("a bank of too many skeletons", got=len(skeletons), expected=f"at most {MOST_SKELETONS}")


@dataclass(frozen=True, slots=True)
class BankConfig:
    """What a bank is for; kept in its checkpoint, together with the space."""

    method: str  # how it is trained, a key of `SOURCES`
    classes: int  # number of classes of the task
    skeletons: Sequence[Mapping[str, Any]] = ()  # settings of the space, such as {"depth": 3}, that it also holds
    # of a space without a supergraph: the kind of each parameter, by its key (`ghn.families.sharing.roles`)
    roles: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "skeletons", [dict(s) for s in self.skeletons])  # equal to what JSON gives back
        check_few(self.skeletons)
        check_known("way to share weights", self.method, SOURCES)

    def describe(self) -> dict[str, Any]:
        return asdict(self)


class Bank(Net):
    """Gives every architecture of a space its weights out of one set.

    It holds what the supergraph of the space holds: every operation on every edge. No architecture is enumerated. Of a
    space without one it holds the `roles` in its config.

    Source: Bender et al. 2018; Pham et al. 2018, sec. 2; Liu et al. 2019, sec. 2.2: one over-parametrised network that
    contains all others.

    Args:
        config: what it is for.
        space: of the architectures; must have a supergraph (`ghn.spaces.choices`) where the config names no roles.
        seed: of the initial weights, which are those of `RandomInit` in law.
        without: kinds of parameters that it need not hold.

    Raises:
        ConfigError: the space has no supergraph, and the config names no roles.
    """

    config: BankConfig
    kind = "bank"

    def __init__(self, config: BankConfig, space: Space[Any], seed: int = 0, *, without: Sequence[str] = ()) -> None:
        super().__init__()
        self.config, self.without = config, frozenset({MIXTURE, *without})
        generator = torch.Generator().manual_seed(seed)
        for param in self._params(space):
            held = param.kind not in self.without or bool(config.roles)
            if held and (key := key_of(param)) not in self._parameters:
                self.register_parameter(key, nn.Parameter(draw(param, generator)))

    def _params(self, space: Space[Any]) -> Iterator[Param]:
        """All parameters that there are to hold."""
        if self.config.roles:
            yield from (param_of(key, kind) for key, kind in self.config.roles.items())
            return
        for one in [space, *(skeletons_of(space, self.config.skeletons) if self.config.skeletons else [])]:
            yield from choice_space(one).supergraph().graph.params()

    @classmethod
    def from_card(cls, config: Mapping[str, Any], space: Space[Any]) -> Bank:
        return cls(BankConfig(**config), space)

    @property
    def method(self) -> str:
        return self.config.method

    @property
    def source(self) -> str:
        return SOURCES[self.config.method]

    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """The weights of each graph; a supergraph gets all but those of its mixtures.

        Raises:
            GraphError: a graph has a role that the bank has not, or has in other shapes.
        """
        held = dict(self.named_parameters())
        return [self.select(graph, held) for graph in graphs]

    def select(self, graph: Graph, held: Mapping[str, Tensor]) -> WeightDict:
        """The weights of a graph out of tensors that are named as the bank's parameters."""
        out: WeightDict = {}
        for param in graph.params():
            if (key := key_of(param)) in held:
                out[param.name] = held[key]
            elif param.kind not in self.without:
                raise self._missing(param)
        return out

    def _missing(self, param: Param) -> GraphError:
        role = role_of(param.name)
        shapes = [key.rpartition(":")[2] for key in self._parameters if key.rpartition(":")[0] == role]
        return GraphError(
            f"the bank holds no weights for {role}" + (" of this shape" if shapes else ""),
            got="x".join(map(str, param.shape)),
            expected=" | ".join(shapes) if shapes else "a role that the bank was made for",
            fix="score it with a hypernetwork, or train a bank for a space or skeleton that has it",
        )
