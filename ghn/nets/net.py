"""What a checkpoint can hold: a network that makes weights; each kind is loaded when a checkpoint asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any, ClassVar, Protocol

from torch import nn

from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.types import Space, WeightDict

# the kind in a checkpoint's header -> the class; families are imported only where a checkpoint holds one of theirs
KINDS = {
    "hypernetwork": "ghn.nets.ghn:GHN",
    "bank": "ghn.families.sharing.bank:Bank",
    "smash": "ghn.families.sharing.smash:Smash",
}


class NetConfig(Protocol):
    """Everything that makes a network that makes weights, but the space."""

    @property
    def classes(self) -> int: ...

    def describe(self) -> dict[str, Any]: ...


class Net(nn.Module, ABC):
    """A network that makes weights for graphs, and can be kept in a checkpoint.

    Attributes:
        config: what it is made from.
        kind: a key of `KINDS`.
        generalises: whether it makes weights for variants of its space too, such as deeper ones.
    """

    config: NetConfig
    kind: ClassVar[str]
    generalises: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def from_card(cls, config: Mapping[str, Any], space: Space[Any]) -> Net:
        """Makes it again, with weights of no meaning, from `config.describe()` and its space."""

    @property
    @abstractmethod
    def method(self) -> str:
        """The name that scores with its weights go by in `estimator=`."""

    @property
    @abstractmethod
    def source(self) -> str:
        """The paper behind its weights."""

    @abstractmethod
    def forward(self, graphs: Sequence[Graph]) -> list[WeightDict]:
        """The weights of each graph: names and shapes are those of `graph.params()`, without the `unmade` ones."""

    def makes(self, param: Param) -> bool:
        """Whether it makes parameters such as this one."""
        return True

    def unmade(self, graph: Graph) -> tuple[Param, ...]:
        """The parameters of a graph that it does not make: whoever has the module keeps its own values."""
        return tuple(param for param in graph.params() if not self.makes(param))


def make_net(kind: str, config: Mapping[str, Any], space: Space[Any]) -> Net:
    """Makes a network of a kind from what its checkpoint's card says.

    Raises:
        KeyError, TypeError, ValueError or a GhnError: nothing can be made from that.
    """
    made: Net = resolve_name(KINDS[kind]).from_card(config, space)
    return made
