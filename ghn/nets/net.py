"""What a checkpoint can hold: a network that makes weights; each kind is loaded when a checkpoint asks for it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pkgutil import resolve_name
from typing import Any, ClassVar, Protocol, TypeVar

import torch
from torch import Tensor, nn

from ghn.errors import CheckpointError
from ghn.graph.ir import Graph
from ghn.graph.op import Param
from ghn.types import Space, WeightDict

Made = TypeVar("Made", bound=nn.Module)

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
        repeated: settings of its config of which each unit has tensors of its own, such as a number of layers.
    """

    config: NetConfig
    kind: ClassVar[str]
    generalises: ClassVar[bool] = False
    repeated: ClassVar[tuple[str, ...]] = ()

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


def make_net(kind: str, config: Mapping[str, Any], space: Space[Any], tensors: Mapping[str, Tensor]) -> Net:
    """Makes a network of a kind from what its checkpoint's card says, with weights of no meaning; see `make_fitting`.

    Raises:
        KeyError, TypeError, ValueError or a GhnError: nothing can be made from that.
    """
    known: type[Net] = resolve_name(KINDS[kind])
    return make_fitting(lambda: known.from_card(config, space), known.repeated, config, tensors)


def make_fitting(
    make: Callable[[], Made], repeated: Sequence[str], config: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Made:
    """Makes a network after finding that the tensors of its checkpoint fit, so that a card takes no memory by itself.

    They are compared with a network on the device `meta`, which takes none; of what is `repeated` in the config it has
    no more than there are tensors.

    Raises:
        CheckpointError: they do not fit.
    """
    for name in repeated:
        if name in config and not config[name] <= len(tensors):
            raise CheckpointError(f"{name} is more than there are tensors", got=config[name], expected=len(tensors))
    with torch.device("meta"):
        check_shapes(make(), tensors)
    return make()


def check_shapes(net: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Raises CheckpointError where tensors have not exactly the names, shapes and dtypes of a module's."""
    own = net.state_dict()
    if difference := sorted(own.keys() ^ tensors.keys()):
        raise CheckpointError("tensors do not match the config in it", got=difference[:5], expected="the same names")
    for name, value in own.items():
        if value.shape != tensors[name].shape or value.dtype != tensors[name].dtype:
            raise CheckpointError(
                f"tensor {name} does not match the config in it",
                got=f"{tuple(tensors[name].shape)} {tensors[name].dtype}",
                expected=f"{tuple(value.shape)} {value.dtype}",
            )


def not_finite(tensors: Mapping[str, Tensor]) -> list[str]:
    """The names of those tensors that hold a NaN or an infinity."""
    return [name for name, values in tensors.items() if not bool(torch.isfinite(values).all())]
